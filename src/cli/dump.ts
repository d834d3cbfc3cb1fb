/** `gatewright dump`: everything that the Admin API has, as a file that `apply` takes. */
import { dump as toYaml } from 'js-yaml';
import { AdminClient, CONNECTION_OPTIONS } from './admin-client.ts';
import { EXIT, type Io, parseOptions } from './arguments.ts';

/** Throws UsageError, FailedError. */
export async function dump(args: readonly string[], io: Io): Promise<number> {
  const values = parseOptions(args, { ...CONNECTION_OPTIONS, json: { type: 'boolean' } });
  const whole = (await new AdminClient(values, io).fetch('GET', '/configs')) as Readonly<Record<string, unknown>>;
  const kinds = Object.entries(whole).flatMap(([kind, items]) =>
    Array.isArray(items) ? [[kind, items.map(withoutIndex)] as const] : [],
  );
  const document = Object.fromEntries(kinds);
  const text = values.json === true ? `${JSON.stringify(document, null, 2)}\n` : toYaml(document);
  if (/: ['"]?\*\*\*['"]?,?$/m.test(text))
    io.stderr('gatewright dump: secrets are hidden from this key: the file cannot be applied\n');
  io.stdout(text);
  return EXIT.fine;
}

function withoutIndex(item: Readonly<Record<string, unknown>>): object {
  const { modifiedIndex: _modified, ...rest } = item;
  return rest;
}
