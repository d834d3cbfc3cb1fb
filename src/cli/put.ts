/** `gatewright put KIND ID`: writes one object from a file or from standard input. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from '../config/document.ts';
import { AdminClient, CONNECTION_OPTIONS, messageOf } from './admin-client.ts';
import { EXIT, FailedError, type Io, parseVerb, UsageError } from './arguments.ts';
import { kindOf, placeOf } from './object-name.ts';

/** Resolves once every worker serves it. Throws UsageError, FailedError. */
export async function put(args: readonly string[], io: Io): Promise<number> {
  const options = { ...CONNECTION_OPTIONS, file: { type: 'string', short: 'f' } } as const;
  const { values, names } = parseVerb(args, options, 'KIND ID', [2, 2]);
  const [kindName = '', id = ''] = names;
  const kind = kindOf(kindName);
  const place = placeOf(kind, id);
  const value = readValue(values.file ?? '-', io);
  const reply = await new AdminClient(values, io).ask('PUT', `${place}?wait=true`, value);
  if (reply.status >= 300) throw new FailedError(messageOf(reply, true));
  const warning = reply.headers['x-gatewright-warning'];
  if (warning !== undefined) io.stderr(`gatewright put: warning: ${String(warning)}\n`);
  const isServed = reply.headers['x-gatewright-in-force'] !== 'false';
  const done = reply.status === 201 ? 'created' : reply.status === 200 ? 'updated' : 'stored';
  io.stdout(`${done} ${kind}/${id}${isServed ? '' : ', but not every worker serves it yet'}\n`);
  return isServed ? EXIT.fine : EXIT.failed;
}

/** YAML, and JSON with it. */
function readValue(file: string, io: Io): object {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : path.resolve(io.cwd, file), 'utf8');
  } catch (error) {
    throw new UsageError(`--file: ${(error as Error).message}`);
  }
  const { value, problems } = parseDocument(text, 'yaml');
  const [problem] = problems;
  if (problem !== undefined)
    throw new FailedError(`${file}${problem.line === undefined ? '' : `:${problem.line}`}: ${problem.message}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FailedError(`${file}: expected the attributes of one object`);
  return value;
}
