/** `gatewright get KIND [ID]`: what the Admin API has. */
import { dump } from 'js-yaml';
import type { Kind } from '../model/object-set.ts';
import { AdminClient, CONNECTION_OPTIONS } from './admin-client.ts';
import { EXIT, type Io, parseVerb, UsageError } from './arguments.ts';
import { kindOf, placeOf } from './object-name.ts';
import { table } from './table.ts';

interface Item {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Exit code 1 if there is no such object. Throws UsageError, FailedError. */
export async function get(args: readonly string[], io: Io): Promise<number> {
  const options = {
    ...CONNECTION_OPTIONS,
    json: { type: 'boolean' },
    name: { type: 'string' },
    label: { type: 'string' },
  } as const;
  const { values, names } = parseVerb(args, options, 'KIND [ID]', [1, 2]);
  const [kindName = '', id] = names;
  const kind = kindOf(kindName);
  const client = new AdminClient(values, io);
  if (id !== undefined && !(kind === 'credentials' && !id.includes('/'))) {
    const { value } = (await client.fetch('GET', placeOf(kind, id))) as Item;
    io.stdout(values.json === true ? `${JSON.stringify(value, null, 2)}\n` : dump(value));
    return EXIT.fine;
  }
  if (kind === 'credentials' && id === undefined)
    throw new UsageError('credentials belong to a consumer: get credentials USERNAME');
  const query = new URLSearchParams();
  if (values.name !== undefined) query.set('name', values.name);
  if (values.label !== undefined) query.set('label', values.label);
  const place = id === undefined ? `/${kind}` : `/consumers/${encodeURIComponent(id)}/credentials`;
  const { list } = (await client.fetch('GET', `${place}?${query.toString()}`)) as { readonly list: readonly Item[] };
  io.stdout(
    values.json === true
      ? `${JSON.stringify(
          list.map(({ value }) => value),
          null,
          2,
        )}\n`
      : asTable(kind, list),
  );
  return EXIT.fine;
}

/** Which attributes say most about a kind, at a glance. */
const COLUMNS: { readonly [K in Kind]?: readonly string[] } = {
  routes: ['uri', 'host', 'methods', 'to', 'plugins'],
  services: ['hosts', 'to', 'plugins'],
  upstreams: ['type', 'nodes'],
  consumers: ['group_id', 'plugins'],
  credentials: ['plugins'],
  consumer_groups: ['plugins'],
  plugin_configs: ['plugins'],
  global_rules: ['plugins'],
  ssls: ['snis', 'type'],
  stream_routes: ['server_port', 'sni', 'to'],
};

function asTable(kind: Kind, list: readonly Item[]): string {
  const columns = COLUMNS[kind] ?? [];
  const rows = list.map(({ key, value }) => [
    key.slice(key.lastIndexOf('/') + 1),
    textOf(value['name']),
    ...columns.map((column) => cellOf(column, value)),
    timeOf(value['update_time']),
  ]);
  return table(['ID', 'NAME', ...columns.map((column) => column.toUpperCase()), 'CHANGED'], rows);
}

const MAX_CELL = 48;

function cellOf(column: string, value: Item['value']): string {
  const found = column === 'to' ? targetOf(value) : (value[column] ?? value[`${column}s`]);
  const text = textOf(found);
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
}

function targetOf({ upstream_id, service_id, upstream }: Item['value']): string {
  if (upstream_id !== undefined) return `upstream ${textOf(upstream_id)}`;
  if (upstream !== undefined) return textOf((upstream as Item['value'])['nodes']);
  return service_id === undefined ? '' : `service ${textOf(service_id)}`;
}

/** One line, without what only a machine wants to know. */
function textOf(value: unknown): string {
  if (value === undefined || value === null) return '-';
  if (Array.isArray(value)) return value.map(nodeText).join(',');
  if (typeof value === 'object') return Object.keys(value).join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function nodeText(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item);
  const { host, port } = item as Record<string, unknown>;
  return port === undefined ? textOf(host) : `${textOf(host)}:${textOf(port)}`;
}

function timeOf(seconds: unknown): string {
  return typeof seconds === 'number' ? new Date(seconds * 1000).toISOString().replace('.000Z', 'Z') : '-';
}
