/** `headers` of proxy-rewrite: two spellings, one meaning. */
import type { ConfigProblem } from '../../sdk/index.ts';
import { headerProblems, pathBelow, type HeaderChanges, type HeaderValue } from '../header-actions.ts';
import type { Config } from './schema.ts';

type Headers = NonNullable<Config['headers']>;
type Values = Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>;

export function headersProblems(config: Config): ConfigProblem[] {
  const { headers = {} } = config;
  const problems: ConfigProblem[] = [];
  const [stray] = flatNames(headers);
  if (stray !== undefined && hasActions(headers)) {
    const message = `"${stray}" stands beside "add", "remove" or "set": put it into "set"`;
    problems.push({ path: pathBelow('headers', stray), message });
  }
  const isFlat = !hasActions(headers);
  const place = (action: keyof HeaderChanges, name: string, index: number): string => {
    if (action === 'remove') return `headers.remove[${index}]`;
    return pathBelow(isFlat ? 'headers' : `headers.${action}`, name);
  };
  const changes = changesOf(config);
  problems.push(...headerProblems(changes, place));
  for (const action of ['add', 'set'] as const) {
    changes[action].forEach(([name], index) => {
      if (name.toLowerCase() !== 'host') return;
      problems.push({ path: place(action, name, index), message: 'the Host of a request is set by "host"' });
    });
  }
  changes.remove.forEach((name, index) => {
    if (name.toLowerCase() !== 'host') return;
    problems.push({ path: place('remove', name, index), message: 'a request needs a Host: set another one by "host"' });
  });
  return problems;
}

function hasActions({ add, remove, set }: Headers): boolean {
  return add !== undefined || remove !== undefined || set !== undefined;
}

function flatNames(headers: Headers): string[] {
  return Object.keys(headers).filter((name) => name !== 'add' && name !== 'remove' && name !== 'set');
}

export function changesOf({ headers = {} }: Config): HeaderChanges {
  if (!hasActions(headers)) return { add: [], remove: [], set: entriesOf(headers as Values) };
  return {
    add: entriesOf(headers.add ?? {}),
    remove: headers.remove ?? [],
    set: entriesOf(headers.set ?? {}),
  };
}

function entriesOf(values: Values): [string, HeaderValue][] {
  return Object.entries(values).flatMap(([name, value]) =>
    typeof value === 'object'
      ? value.map((each): [string, HeaderValue] => [name, each])
      : [[name, value] as [string, HeaderValue]],
  );
}
