/** `gatewright delete KIND ID`: removes one object. */
import { AdminClient, CONNECTION_OPTIONS } from './admin-client.ts';
import { EXIT, type Io, parseVerb } from './arguments.ts';
import { kindOf, placeOf } from './object-name.ts';

/** `--force`: also while something refers to it. Throws UsageError, FailedError. */
export async function remove(args: readonly string[], io: Io): Promise<number> {
  const options = { ...CONNECTION_OPTIONS, force: { type: 'boolean' } } as const;
  const { values, names } = parseVerb(args, options, 'KIND ID', [2, 2]);
  const [kindName = '', id = ''] = names;
  const kind = kindOf(kindName);
  const query = values.force === true ? '?wait=true&force=true' : '?wait=true';
  await new AdminClient(values, io).fetch('DELETE', placeOf(kind, id) + query);
  io.stdout(`deleted ${kind}/${id}\n`);
  return EXIT.fine;
}
