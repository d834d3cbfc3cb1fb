/** `gatewright apply FILE`: makes a gateway have what a file says, and removes what the file had before and has no more. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from '../config/document.ts';
import { substitute } from '../config/environment.ts';
import { KINDS, type Kind, type ObjectSet, readObjects } from '../model/object-set.ts';
import { AdminClient, CONNECTION_OPTIONS, messageOf } from './admin-client.ts';
import { type Plan, planApply, type Present, type Step } from './apply-plan.ts';
import { EXIT, FailedError, type Io, parseVerb, UsageError } from './arguments.ts';
import { placeOf } from './object-name.ts';

type Objects = ObjectSet['objects'];

const DEFAULT_OWNER = 'gatewright-apply';

/** Throws UsageError, FailedError. */
export async function apply(args: readonly string[], io: Io): Promise<number> {
  const options = {
    ...CONNECTION_OPTIONS,
    owner: { type: 'string' },
    adopt: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    json: { type: 'boolean' },
  } as const;
  const { values, names } = parseVerb(args, options, 'FILE', [1, 1]);
  const owner = values.owner ?? DEFAULT_OWNER;
  if (!/^[!-~]{1,256}$/.test(owner)) throw new UsageError('--owner: a label has 1 to 256 characters and no spaces');
  const wanted = readFile(names[0] ?? '', io);
  const client = new AdminClient(values, io);
  await validate(client, wanted);
  const plan = planApply(wanted, await readPresent(client), { owner, adopts: values.adopt === true });
  if (plan.foreign.length > 0) {
    throw new FailedError(
      `these belong to others, and nothing was changed: ${plan.foreign.join(', ')}; --adopt takes them over`,
    );
  }
  const isDry = values['dry-run'] === true;
  if (!isDry) await carryOut(client, plan.steps);
  io.stdout(values.json === true ? `${JSON.stringify(summaryOf(plan, isDry), null, 2)}\n` : asText(plan, isDry));
  return EXIT.fine;
}

/** YAML, and JSON with it; `${{VAR}}` as in any configuration file. */
function readFile(file: string, io: Io): Objects {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : path.resolve(io.cwd, file), 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`);
  }
  const substituted = substitute(text, io.env);
  const { value, problems } = parseDocument(substituted.text, 'yaml');
  const faults = [...substituted.problems, ...problems];
  if (faults.length === 0 && (typeof value !== 'object' || value === null || Array.isArray(value))) {
    throw new FailedError(`${file}: expected keys such as "routes:" at the top level`);
  }
  const read = faults.length > 0 ? null : readObjects(value as Readonly<Record<string, unknown>>, 'error');
  faults.push(...(read?.problems ?? []), ...(read?.unknown ?? []));
  if (read === null || faults.length > 0) {
    const lines = faults.map(({ path: place, line, message }) => {
      return `\n  ${line === undefined ? '' : `line ${line}, `}${place === '' ? '' : `${place}: `}${message}`;
    });
    throw new FailedError(`${file} has problems, and nothing was changed${lines.join('')}`);
  }
  return read.set.objects;
}

/** All problems before the first change. */
async function validate(client: AdminClient, wanted: Objects): Promise<void> {
  const body = Object.fromEntries(
    KINDS.filter((kind) => kind !== 'credentials').map((kind) => {
      const objects = kind === 'consumers' ? [...wanted.consumers, ...wanted.credentials] : wanted[kind];
      return [kind, objects.map(({ value, id }) => (kind === 'consumers' ? value : { ...value, id }))];
    }),
  );
  const reply = await client.ask('POST', '/configs/validate', body);
  if (reply.status !== 200) throw new FailedError(messageOf(reply, true));
}

async function readPresent(client: AdminClient): Promise<Present[]> {
  const whole = (await client.fetch('GET', '/configs')) as Readonly<Record<string, unknown>>;
  const present: Present[] = [];
  for (const kind of KINDS) {
    const items = kind === 'credentials' ? undefined : whole[kind];
    if (!Array.isArray(items)) continue;
    for (const value of items as Readonly<Record<string, unknown>>[]) {
      const isCredential = kind === 'consumers' && value['username'] === undefined;
      const id = kind === 'consumers' && !isCredential ? value['username'] : value['id'];
      present.push({
        kind: isCredential ? 'credentials' : kind,
        id: String(id),
        value,
      });
    }
  }
  return present;
}

async function carryOut(client: AdminClient, steps: readonly Step[]): Promise<void> {
  for (const [done, { action, kind, id, value }] of steps.entries()) {
    const isLast = done === steps.length - 1;
    const place = placeOf(kind, id) + (isLast ? '?wait=true' : '');
    try {
      await client.fetch(
        action === 'delete' ? 'DELETE' : 'PUT',
        place,
        value === null ? undefined : bodyOf(kind, value),
      );
    } catch (error) {
      if (!(error instanceof FailedError)) throw error;
      throw new FailedError(`${action} ${kind}/${id}: ${error.message}; ${done} of ${steps.length} changes were made`);
    }
  }
}

/** The path has the id. */
function bodyOf(kind: Kind, value: Readonly<Record<string, unknown>>): object {
  if (kind === 'consumers') return value;
  const { id: _id, ...rest } = value;
  return rest;
}

const MARKS = { create: '+', update: '~', delete: '-' } as const;

function asText({ steps, unchanged }: Plan, isDry: boolean): string {
  const lines = steps.map(({ action, kind, id, changed }) => {
    return `${MARKS[action]} ${action} ${kind}/${id}${changed.length === 0 ? '' : ` (${changed.join(', ')})`}\n`;
  });
  const count = (action: Step['action']): number => steps.filter((step) => step.action === action).length;
  const verdict = isDry ? 'would be' : 'were';
  const summary = `${count('create')} created, ${count('update')} updated, ${count('delete')} deleted, ${unchanged} unchanged`;
  return `${lines.join('')}${summary.replace(/^/, `${steps.length} changes ${verdict} made: `)}\n`;
}

function summaryOf({ steps, unchanged }: Plan, isDry: boolean): object {
  const changes = steps.map(({ action, kind, id, changed }) => ({ action, kind, id, changed }));
  return { dry_run: isDry, changes, unchanged };
}
