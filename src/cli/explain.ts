/** `gatewright explain`: what would become of a request, and why, without sending anything. */
import { parseArgs } from 'node:util';
import { systemClock } from '../clock/clock.ts';
import { findConfiguration } from '../config/configuration.ts';
import { explain as explainRequest } from '../explain/explain.ts';
import { explanationText } from '../explain/text.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { checkConfiguration } from '../testing/compiled-configuration.ts';
import { EXIT, FailedError, type Io, UsageError } from './arguments.ts';

const USAGE = "gatewright explain [-c FILE] [-H 'Name: value']… [-d BODY] [--from ADDRESS] [--json] 'METHOD TARGET'";

/** TARGET is a path, or a URL with its host. Throws UsageError, FailedError. */
export async function explain(args: readonly string[], io: Io): Promise<number> {
  const { values, method, target } = parse(args);
  const { config, header = [], data, from } = values;
  try {
    const read = await checkConfiguration(locate(config, io), { env: io.env, plugins: [] });
    const explanation = await explainRequest(read, {
      target,
      now: new Date(systemClock.wall_ms()),
      headers: headersOf(header),
      ...(method === '' ? {} : { method }),
      ...(data === undefined ? {} : { body: data }),
      ...(from === undefined ? {} : { from }),
    });
    io.stdout(values.json === true ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation));
    return EXIT.fine;
  } catch (error) {
    if (error instanceof ConfigurationError) throw new FailedError(error.message);
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c' },
        header: { type: 'string', short: 'H', multiple: true },
        data: { type: 'string', short: 'd' },
        from: { type: 'string' },
        json: { type: 'boolean' },
      },
    });
    const words = positionals.flatMap((text) => text.trim().split(/\s+/));
    const [first = '', second] = words;
    if (first === '' || words.length > 2) throw new Error(`expected one request: ${USAGE}`);
    return { values, method: second === undefined ? '' : first, target: second ?? first };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function headersOf(lines: readonly string[]): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new UsageError(`"${line}" is no header: write 'Name: value'`);
    (headers[line.slice(0, colon)] ??= []).push(line.slice(colon + 1).trim());
  }
  return headers;
}

function locate(explicit: string | undefined, io: Io): string {
  try {
    return findConfiguration(explicit, io.cwd, io.env);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
