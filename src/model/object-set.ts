/** All objects of a configuration, as they were written: raw, with their ids and the place each came from. */
import { hash } from 'node:crypto';
import { canonicalText } from './canonical.ts';
import { nearest, pathOf, quote } from './problem.ts';
import type { Problem } from './problem.ts';

/** The kinds of objects, by the key that each has in a file; credentials stand among the consumers there. */
export const KINDS = [
  'routes',
  'services',
  'upstreams',
  'consumers',
  'credentials',
  'consumer_groups',
  'plugin_configs',
  'global_rules',
  'plugin_metadata',
  'ssls',
  'stream_routes',
  'protos',
  'secrets',
] as const;

export type Kind = (typeof KINDS)[number];

/** One object as it was written. */
export interface RawObject {
  /** Its id as a string; a hash of its match part if it was written without one. */
  readonly id: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** Where it stands: `routes[3]`. */
  readonly path: string;
  /** It was checked elsewhere: nothing is wrong with it, and only its defaults are filled in. */
  readonly isChecked?: boolean;
  /** What kept it from being read where it is stored: it is bad whatever `value` says. */
  readonly problem?: Problem;
}

export interface ObjectSet {
  readonly objects: { readonly [K in Kind]: readonly RawObject[] };
  /** The enabled plugins by name, without those for streams; null if all are enabled. */
  readonly plugins: readonly string[] | null;
  /** Whether an attribute that nobody knows is an error (gatewright.yaml) or a warning (what APISIX wrote). */
  readonly unknownAttributes: 'error' | 'warning';
  /**
   * Whether something could not be read at all, so that objects may be missing. A running gateway must not take that for
   * their removal: without a route, its requests would reach the next one that matches.
   */
  readonly isIncomplete: boolean;
  /** Where it is known: what this differs in from the set before it. A list without places may have changed in any way. */
  readonly changes?: ChangedPlaces;
}

/** By kind: what is at these places of the list is not what was there. */
export interface ChangedPlaces {
  readonly since: ObjectSet['objects'];
  readonly places: { readonly [K in Kind]?: readonly number[] };
}

export const EMPTY_OBJECTS: ObjectSet = {
  objects: Object.freeze(Object.fromEntries(KINDS.map((kind) => [kind, []])) as unknown as ObjectSet['objects']),
  plugins: null,
  unknownAttributes: 'error',
  isIncomplete: false,
};

/** Top-level keys of a file that hold objects. */
const FILE_KINDS: readonly string[] = KINDS.filter((kind) => kind !== 'credentials');

/**
 * Sorts the top level of a document into objects. What is wrong with the objects themselves is for compile to say;
 * here only what keeps them from being told apart: unknown keys, items that are no objects, ids that are none or repeat.
 */
export function readObjects(
  document: Readonly<Record<string, unknown>>,
  unknownAttributes: ObjectSet['unknownAttributes'],
): { readonly set: ObjectSet; readonly problems: readonly Problem[]; readonly unknown: readonly Problem[] } {
  const problems: Problem[] = [];
  const unknown: Problem[] = [];
  const objects = Object.fromEntries(KINDS.map((kind) => [kind, [] as RawObject[]])) as Record<Kind, RawObject[]>;
  for (const [key, value] of Object.entries(document)) {
    if (key === 'gateway' || key === 'plugins') continue;
    if (!FILE_KINDS.includes(key)) {
      const near = nearest(key, ['gateway', 'plugins', ...FILE_KINDS]);
      const hint = near === undefined ? '' : `, did you mean "${near}"?`;
      unknown.push({
        path: pathOf('', key),
        code: 'unknown_attribute',
        message: `unknown key ${quote(key)} at the top level${hint}`,
      });
    } else if (Array.isArray(value)) readItems(key as Kind, value, objects, problems);
    else if (value !== null) {
      problems.push({
        path: key,
        code: 'wrong_type',
        message: `"${key}" holds a list of objects: begin each with "- "`,
      });
    }
  }
  for (const kind of KINDS) findDuplicates(kind, objects[kind], problems);
  const plugins = readPluginList(document['plugins'], problems);
  const isIncomplete = problems.length > 0 || (unknownAttributes === 'error' && unknown.length > 0);
  return { set: { objects, plugins, unknownAttributes, isIncomplete }, problems, unknown };
}

const CREDENTIAL_ID = /^[a-zA-Z0-9_-]+\/credentials\/[^/]+$/;
const ID = /^[a-zA-Z0-9._-]{1,64}$/;
const USERNAME = /^[a-zA-Z0-9_-]{1,100}$/;
/** Secrets are numbered per manager. */
const SECRET_ID = /^[a-z]{1,16}\/[a-zA-Z0-9._-]{1,64}$/;

/** Whether `id` can be that of an object of the kind, in the form that an ObjectSet has it. */
export function isObjectId(kind: Kind, id: string): boolean {
  if (kind === 'credentials') return CREDENTIAL_ID.test(id) && ID.test(id.slice(id.lastIndexOf('/') + 1));
  if (kind === 'secrets') return SECRET_ID.test(id);
  return (kind === 'consumers' ? USERNAME : ID).test(id);
}

function readItems(
  kind: Kind,
  items: readonly unknown[],
  objects: Record<Kind, RawObject[]>,
  problems: Problem[],
): void {
  const generated = new Map<string, number>();
  items.forEach((item, i) => {
    const path = pathOf(kind, i);
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      problems.push({
        path,
        code: 'wrong_type',
        message: `expected an object with the attributes of one item of "${kind}"`,
      });
      return;
    }
    const value = item as Record<string, unknown>;
    const isNamed = kind === 'consumers' && !isCredential(value);
    const given = isNamed ? value['username'] : value['id'];
    const id = idOf(kind, given);
    if (id !== null) objects[kind === 'consumers' && !isNamed ? 'credentials' : kind].push({ id, value, path });
    else if (given !== undefined && (!isNamed || typeof given === 'string')) problems.push(badId(path, given, isNamed));
    else objects[kind].push({ id: unusedId(generatedId(kind, value), generated), value, path });
  });
}

/** The id as a string; null if it is none. Secrets and credentials are numbered below their manager or consumer. */
function idOf(kind: Kind, given: unknown): string | null {
  if (typeof given === 'number') return Number.isSafeInteger(given) && given >= 1 ? String(given) : null;
  if (typeof given !== 'string') return null;
  const isNested = (kind === 'secrets' && SECRET_ID.test(given)) || (kind === 'consumers' && CREDENTIAL_ID.test(given));
  return isNested || (kind === 'consumers' ? USERNAME : ID).test(given) ? given : null;
}

/** Of objects with equal match parts the second gets `-2`, and so on. */
function unusedId(id: string, generated: Map<string, number>): string {
  const count = (generated.get(id) ?? 0) + 1;
  generated.set(id, count);
  return count === 1 ? id : `${id}-${count}`;
}

function isCredential(value: Readonly<Record<string, unknown>>): boolean {
  return typeof value['id'] === 'string' && CREDENTIAL_ID.test(value['id']) && value['username'] === undefined;
}

function badId(path: string, id: unknown, isNamed: boolean): Problem {
  const message = isNamed
    ? `${quote(id)} is no username: use 1 to 100 letters, digits, "-" and "_"`
    : `${quote(id)} is no id: use 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1`;
  const problem: Problem = { path: pathOf(path, isNamed ? 'username' : 'id'), code: 'invalid_value', message };
  return typeof id === 'string' || typeof id === 'number' ? { ...problem, value: id } : problem;
}

/** What a route matches; its position must not count, or an insertion would give every later route a new identity. */
const MATCH_PART = [
  'uri',
  'uris',
  'host',
  'hosts',
  'methods',
  'remote_addr',
  'remote_addrs',
  'vars',
  'priority',
  'filter_func',
];
const STREAM_MATCH_PART = ['remote_addr', 'server_addr', 'server_port', 'sni', 'protocol'];

function generatedId(kind: Kind, value: Readonly<Record<string, unknown>>): string {
  const keys = kind === 'routes' ? MATCH_PART : kind === 'stream_routes' ? STREAM_MATCH_PART : Object.keys(value);
  const part = Object.fromEntries(keys.filter((key) => value[key] !== undefined).map((key) => [key, value[key]]));
  return hash('sha1', canonicalText(part), 'hex').slice(0, 16);
}

function findDuplicates(kind: Kind, objects: readonly RawObject[], problems: Problem[]): void {
  const seen = new Map<string, string>();
  for (const { id, path } of objects) {
    const first = seen.get(id);
    if (first === undefined) seen.set(id, path);
    else {
      const key = kind === 'consumers' ? 'username' : 'id';
      problems.push({
        path: pathOf(path, key),
        value: id,
        code: 'duplicate',
        message: `the ${key} ${quote(id)} is taken by ${first}`,
      });
    }
  }
}

function readPluginList(value: unknown, problems: Problem[]): readonly string[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value)) {
    problems.push({ path: 'plugins', code: 'wrong_type', message: 'expected a list of plugins, each with a name' });
    return null;
  }
  return value.flatMap((item: unknown, i) => {
    const { name, stream }: Record<string, unknown> = typeof item === 'object' && item !== null ? { ...item } : {};
    if (typeof name === 'string') return stream === true ? [] : [name];
    problems.push({
      path: pathOf('plugins', i),
      code: 'missing_attribute',
      message: 'a plugin is named by "name": write - name: NAME',
    });
    return [];
  });
}
