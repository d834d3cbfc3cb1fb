/** `headers` of response-rewrite: two spellings, one meaning. */
import type { ConfigProblem } from '../../sdk/index.ts';
import { headerProblems, pathBelow, type HeaderChanges, type HeaderValue } from '../header-actions.ts';
import type { Config } from './schema.ts';

type Headers = NonNullable<Config['headers']>;
type Values = Readonly<Record<string, HeaderValue>>;

export function headersProblems(config: Config): ConfigProblem[] {
  const { headers = {} } = config;
  const problems: ConfigProblem[] = [];
  const isFlat = !hasActions(headers);
  const stray = Object.keys(headers).find((name) => name !== 'add' && name !== 'remove' && name !== 'set');
  if (stray !== undefined && !isFlat) {
    const message = `"${stray}" stands beside "add", "remove" or "set": put it into "set"`;
    problems.push({ path: pathBelow('headers', stray), message });
  }
  headers.add?.forEach((line, index) => {
    if (line.includes(':')) return;
    const message = `${JSON.stringify(line)} is no header field: write "Name: value"`;
    problems.push({ path: `headers.add[${index}]`, message });
  });
  if (problems.length > 0) return problems;
  return headerProblems(changesOf(config), (action, name, index) =>
    action === 'set' ? pathBelow(isFlat ? 'headers' : 'headers.set', name) : `headers.${action}[${index}]`,
  );
}

export function changesOf({ headers = {} }: Config): HeaderChanges {
  if (!hasActions(headers)) return { add: [], remove: [], set: Object.entries(headers as Values) };
  return {
    add: (headers.add ?? []).map(fieldOf),
    remove: headers.remove ?? [],
    set: Object.entries(headers.set ?? {}),
  };
}

function hasActions({ add, remove, set }: Headers): boolean {
  return add !== undefined || remove !== undefined || set !== undefined;
}

function fieldOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}
