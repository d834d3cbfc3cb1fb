/**
 * The whole configuration in one request, as APISIX's standalone mode has it: what ADC and the ingress controller write.
 * Versions, digest and indices are the client's, and live as long as the process.
 */
import { canonicalText } from '../model/canonical.ts';
import { KINDS, readObjects } from '../model/object-set.ts';
import type { Kind, RawObject } from '../model/object-set.ts';
import { quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { Change, StoredObject } from '../store/store.ts';
import { listProblems, refuse, Refused } from './answer.ts';
import type { Answer, Decision } from './answer.ts';
import { isObject } from './change.ts';
import { checkByItself, duplicateKey } from './check.ts';
import type { Findings } from './check.ts';
import { wantsYaml } from './document-body.ts';
import type { DecisionContext } from './objects.ts';
import { expiredProblems } from './expired.ts';
import { checkReferences } from './references.ts';
import { innerId, shownValue } from './resource.ts';
import type { JsonObject, View } from './view.ts';

/** The kinds by the key that each has in the document: credentials stand among the consumers. */
export const DOCUMENT_KINDS = KINDS.filter((kind) => kind !== 'credentials');
type DocumentKind = (typeof DOCUMENT_KINDS)[number];

/** What a client said of the configuration that it wrote last. */
export interface Versions {
  readonly versions: { readonly [kind: string]: number };
  /** `modifiedIndex` by `kind/id`. */
  readonly indices: ReadonlyMap<string, number>;
  readonly digest: string;
  /** Milliseconds since the epoch; 0 for never. */
  readonly written_ms: number;
}

export const NO_VERSIONS: Versions = { versions: {}, indices: new Map(), digest: '', written_ms: 0 };

export const versionKey = (kind: string): string => `${kind}_conf_version`;

/**
 * Everything, with its versions.
 * @param accept the request's field Accept
 */
export function answerConfigs(view: View, { versions, indices, digest, written_ms }: Versions, accept: string): Answer {
  const body: Record<string, unknown> = {};
  for (const kind of DOCUMENT_KINDS) body[versionKey(kind)] = versions[kind] ?? 0;
  for (const kind of DOCUMENT_KINDS) {
    const items = storedKinds(kind).flatMap((one) =>
      Array.from(view.list(one).values(), (stored) => itemOf(stored, indices.get(`${one}/${stored.id}`))),
    );
    if (items.length > 0) body[kind] = items;
  }
  return {
    status: 200,
    body,
    ...(wantsYaml(accept) ? { format: 'yaml' } : {}),
    headers: {
      ...(written_ms === 0 ? {} : { 'X-Last-Modified': String(written_ms) }),
      ...(digest === '' ? {} : { 'X-Digest': digest }),
    },
  };
}

const storedKinds = (kind: DocumentKind): readonly Kind[] =>
  kind === 'consumers' ? ['consumers', 'credentials'] : [kind];

/** In the form of a file: credentials with their whole id, and no times, which whoever stores writes. */
function itemOf({ kind, id, value, modifiedRevision }: StoredObject, index: number | undefined): object {
  const { create_time: _created, update_time: _updated, ...rest } = shownValue(kind, id, value);
  const named = kind === 'consumers' ? rest : { ...rest, id };
  return { ...named, modifiedIndex: index ?? modifiedRevision };
}

/** What a document asks for, after all of it has been checked. */
export interface ConfigsPlan {
  readonly decision: Decision;
  /** In force once the decision is carried out. */
  readonly versions: Versions;
}

export interface ConfigsRequest {
  readonly document: JsonObject;
  readonly digest: string;
  readonly now_ms: number;
}

/** PUT. Throws Refused, with every problem. */
export function decideConfigs(request: ConfigsRequest, before: Versions, context: DecisionContext): ConfigsPlan {
  const { document, digest, now_ms } = request;
  if (digest !== '' && digest === before.digest) {
    return { decision: { status: 204, body: null }, versions: before };
  }
  const { versions, renewed } = compareVersions(document, before);
  const read = readDocument(document, renewed);
  const next = new NextView(context.view, read.objects, renewed);
  refuseErrors(checkAll(read, next, context, (item) => isStored(item, context.view)));
  const indices = new Map([...before.indices].filter(([name]) => !renewed.has(documentKind(name))));
  for (const { name, index } of read.objects) if (index !== undefined) indices.set(name, index);
  const changes = changesTo(context.view, read.objects, renewed, before.indices);
  const accepted: Answer = { status: 202, body: null };
  return {
    decision:
      changes.length === 0 ? accepted : { changes, unchangedSince: context.view.revision, answer: () => accepted },
    versions: { versions, indices, digest, written_ms: now_ms },
  };
}

/** POST to validate: the same checks on a document that replaces nothing. Throws Refused. */
export function validateConfigs(document: JsonObject, context: DecisionContext): Answer {
  const given = new Set<DocumentKind>(DOCUMENT_KINDS.filter((kind) => document[kind] !== undefined));
  const read = readDocument(document, given);
  refuseErrors(checkAll(read, new NextView(context.view, read.objects, new Set()), context, () => false));
  return { status: 200, body: {} };
}

/** A version that is higher renews a kind, an equal one leaves it, a lower one is stale. Throws Refused. */
function compareVersions(document: JsonObject, before: Versions) {
  const versions: Record<string, number> = { ...before.versions };
  const renewed = new Set<DocumentKind>();
  for (const kind of DOCUMENT_KINDS) {
    const key = versionKey(kind);
    const current = before.versions[kind] ?? 0;
    const given = document[key];
    if (given === undefined) {
      // Without a version each document is a new one.
      versions[kind] = current + 1;
      renewed.add(kind);
      continue;
    }
    if (!Number.isSafeInteger(given)) throw refuse(400, `${key}: expected an integer, found ${quote(given)}`);
    const version = given as number;
    if (version < current) throw refuse(400, `${key}: must be greater than or equal to (${current})`);
    if (version === current) continue;
    versions[kind] = version;
    renewed.add(kind);
  }
  return { versions, renewed };
}

/** One object of a document. */
interface Item {
  readonly kind: Kind;
  readonly id: string;
  readonly name: string;
  readonly value: JsonObject;
  /** The client's `modifiedIndex`. */
  readonly index: number | undefined;
  /** Where it stands: `routes[3]`. */
  readonly path: string;
}

interface Document {
  readonly objects: readonly Item[];
  readonly errors: ConfigError[];
}

/** As ADC reads it. */
interface ConfigError {
  readonly resource_type: string;
  readonly resource_id?: string;
  readonly index: number;
  readonly error: string;
}

function readDocument(document: JsonObject, renewed: ReadonlySet<DocumentKind>): Document {
  const known = new Set<string>([...DOCUMENT_KINDS.flatMap((kind) => [kind, versionKey(kind)]), 'plugins']);
  const wanted = Object.entries(document).filter(
    ([key]) => !known.has(key) || (renewed as ReadonlySet<string>).has(key),
  );
  const { set, problems, unknown } = readObjects(Object.fromEntries(wanted), 'error');
  const errors = [...problems, ...unknown].map(errorOf);
  if (document['plugins'] !== undefined) {
    errors.push({
      resource_type: 'plugins',
      index: 0,
      error: 'the list of plugins belongs to the configuration of the start',
    });
  }
  return { objects: KINDS.flatMap((kind) => set.objects[kind].map((raw) => readItem(kind, raw, errors))), errors };
}

function readItem(kind: Kind, { id, value, path }: RawObject, errors: ConfigError[]): Item {
  const { modifiedIndex: index, id: _id, ...rest } = value;
  if (index !== undefined && !Number.isSafeInteger(index)) {
    const message = `modifiedIndex: expected an integer, found ${quote(index)}`;
    errors.push({ ...placeOf(path), resource_id: id, error: message });
  }
  const isNamed = kind === 'consumers' || kind === 'plugin_metadata';
  return {
    kind,
    id,
    name: `${kind}/${id}`,
    value: isNamed ? rest : { ...rest, id: innerId(kind, id) },
    index: Number.isSafeInteger(index) ? (index as number) : undefined,
    path,
  };
}

/** The objects as they would be: the kinds that the document renews are its own, or it only adds. */
class NextView implements View {
  readonly revision: number;
  private readonly kinds = new Map<Kind, ReadonlyMap<string, StoredObject>>();
  private readonly before: View;

  constructor(before: View, objects: readonly Item[], renewed: ReadonlySet<DocumentKind>) {
    this.before = before;
    this.revision = before.revision;
    for (const kind of KINDS) {
      const isRenewed = (renewed as ReadonlySet<string>).has(kind === 'credentials' ? 'consumers' : kind);
      const all = new Map<string, StoredObject>(isRenewed ? [] : before.list(kind));
      for (const item of objects) {
        if (item.kind !== kind) continue;
        const { id, path, value } = item;
        all.set(id, { kind, id, key: item.name, path, value, createdRevision: 0, modifiedRevision: 0 });
      }
      this.kinds.set(kind, all);
    }
  }

  list(kind: Kind): ReadonlyMap<string, StoredObject> {
    return this.kinds.get(kind) ?? this.before.list(kind);
  }
}

/** As it is stored already. Of consumers and credentials the keys are wanted all the same. */
function isStored({ kind, id, value }: Item, view: View): boolean {
  const stored = CALLERS.includes(kind) ? undefined : view.list(kind).get(id);
  return stored !== undefined && hasSame(stored, value);
}

const CALLERS: readonly Kind[] = ['consumers', 'credentials'];
const NO_FINDINGS: Findings = { problems: [], warnings: [], keys: [] };

/** @param isKnown whether an object was checked before: large configurations change little at a time */
function checkAll(
  { objects, errors }: Document,
  next: View,
  { checker, view, now_ms }: DecisionContext,
  isKnown: (item: Item) => boolean,
): ConfigError[] {
  const holders = new Map<string, Item>();
  for (const item of objects) {
    const { kind, id, value, path } = item;
    const found = isKnown(item)
      ? NO_FINDINGS
      : checkByItself(checker, kind, { id, value }, next.list('plugin_metadata'));
    const expired = expiredProblems(kind, value, view.list(kind).get(id), now_ms());
    const problems = [...found.problems, ...checkReferences(kind, id, value, next), ...expired];
    for (const { plugin, key } of found.keys) {
      const holder = holders.get(`${plugin} ${key}`);
      if (holder === undefined) holders.set(`${plugin} ${key}`, item);
      else problems.push(duplicateKey(plugin, holder.kind as 'consumers' | 'credentials', holder.id));
    }
    if (problems.length > 0) errors.push({ ...placeOf(path), resource_id: id, error: listProblems(problems) });
  }
  return errors;
}

const MAX_ERRORS = 100;

function refuseErrors(errors: readonly ConfigError[]): void {
  if (errors.length === 0) return;
  const shown = errors.slice(0, MAX_ERRORS);
  const list = shown.map(({ resource_type, index, error }) => `${resource_type}[${index}]: ${error}`).join('; ');
  const more = errors.length > MAX_ERRORS ? `; and ${errors.length - MAX_ERRORS} more` : '';
  throw new Refused({ status: 400, body: { error_msg: `invalid configuration: ${list}${more}`, errors: shown } });
}

function errorOf({ path, message }: Problem): ConfigError {
  const place = placeOf(path);
  const rest = path.replace(/^[a-z_]+\[\d+\]\.?/, '');
  return { ...place, error: rest === '' || rest === path ? message : `${rest}: ${message}` };
}

function placeOf(path: string): Pick<ConfigError, 'resource_type' | 'index'> {
  const match = /^([a-z_]+)\[(\d+)\]/.exec(path);
  return { resource_type: match?.[1] ?? path, index: Number(match?.[2] ?? 0) };
}

/** Only what is different: an object whose index or content stayed is left alone. */
function changesTo(
  view: View,
  objects: readonly Item[],
  renewed: ReadonlySet<DocumentKind>,
  indices: ReadonlyMap<string, number>,
): Change[] {
  const kept = new Set(objects.map(({ name }) => name));
  const changes: Change[] = [];
  for (const { kind, id, name, value, index } of objects) {
    const stored = view.list(kind).get(id);
    const isSame =
      stored !== undefined && ((index !== undefined && indices.get(name) === index) || hasSame(stored, value));
    if (!isSame) changes.push({ op: 'put', kind, id, value });
  }
  for (const kind of DOCUMENT_KINDS.filter((one) => renewed.has(one)).flatMap(storedKinds)) {
    for (const id of view.list(kind).keys()) if (!kept.has(`${kind}/${id}`)) changes.push({ op: 'delete', kind, id });
  }
  return changes;
}

function hasSame({ kind, id, value }: StoredObject, wanted: JsonObject): boolean {
  const { create_time: _created, update_time: _updated, ...rest } = shownValue(kind, id, value);
  return isObject(rest) && canonicalText(rest) === canonicalText(wanted);
}

function documentKind(name: string): DocumentKind {
  const kind = name.slice(0, name.indexOf('/'));
  return (kind === 'credentials' ? 'consumers' : kind) as DocumentKind;
}
