/** GET, PUT, POST, PATCH, DELETE of objects: (request, view) → an answer, or what is to be written. Pure. */
import type { ObjectChecker } from '../compile/object-checker.ts';
import { keyOf } from '../store/object-key.ts';
import type { Change, Put, StoredObject } from '../store/store.ts';
import { KEY_NOT_FOUND, refuse, refuseMethod, refuseProblems, warningHeaders } from './answer.ts';
import type { Answer, Decision, Plan } from './answer.ts';
import { isId, isObject, mergePatch, replaceAt } from './change.ts';
import { checkByItself } from './check.ts';
import type { ConsumerKeys } from './check.ts';
import type { Defaults } from './defaults.ts';
import { expiredProblems } from './expired.ts';
import { answerList, readListQuery } from './list.ts';
import { checkReferences, dependentOf, referencesOf } from './references.ts';
import { readIfMatch, readJson, readObject, readTtl } from './request.ts';
import type { AdminRequest } from './request.ts';
import { idFault, innerId, resourceOf, shownValue } from './resource.ts';
import type { Resource } from './resource.ts';
import type { Target } from './target.ts';
import type { JsonObject, View } from './view.ts';

/** What decisions rest on besides the request. */
export interface DecisionContext {
  readonly view: View;
  readonly checker: ObjectChecker;
  readonly keys: ConsumerKeys;
  /** What answers show beside what is stored. */
  readonly defaults: Defaults;
  /** An id that nothing has yet. */
  newId(): string;
  /** Wall clock. */
  now_ms(): number;
}

export type ObjectsTarget = Extract<Target, { readonly type: 'objects' }>;

/** Throws Refused. */
export function decideObjects(request: AdminRequest, target: ObjectsTarget, context: DecisionContext): Decision {
  const resource = resourceOf(target.kind);
  const allowed = methodsOf(resource, target);
  if (!allowed.includes(request.method)) throw refuseMethod(request.method, resource.noun, allowed);
  if (target.id !== null) checkId(resource, target.id);
  switch (request.method) {
    case 'PUT':
      return put(request, target, context);
    case 'POST':
      return post(request, target, context);
    case 'PATCH':
      return patch(request, target, context);
    case 'DELETE':
      return remove(request, target, context);
    default:
      return target.id === null ? list(request, target, context) : get(target, target.id, context);
  }
}

/** PUT needs no id in the path where the body has it. */
export function methodsOf({ hasPost, hasPatch }: Resource, { id, within }: Pick<ObjectsTarget, 'id' | 'within'>) {
  if (within.length > 0) return hasPatch ? ['PATCH'] : [];
  if (id === null) return ['GET', 'HEAD', 'PUT', ...(hasPost ? ['POST'] : [])];
  return ['GET', 'HEAD', 'PUT', ...(hasPatch ? ['PATCH'] : []), 'DELETE'];
}

function checkId({ kind }: Resource, id: string): void {
  const fault = idFault(kind, id);
  if (fault !== null) throw refuse(400, `id: ${fault}`);
}

function get({ kind }: ObjectsTarget, id: string, { view, defaults }: DecisionContext): Answer {
  const stored = view.list(kind).get(id);
  if (stored === undefined) return KEY_NOT_FOUND;
  const item = itemOf(stored);
  return {
    status: 200,
    body: { ...item, value: defaults.fill(kind, id, item.value) },
    headers: { ETag: `"${stored.modifiedRevision}"` },
  };
}

function list({ query }: AdminRequest, { kind, prefix }: ObjectsTarget, { view, defaults }: DecisionContext): Answer {
  const username = kind === 'credentials' ? prefix.slice(0, prefix.indexOf('/')) : null;
  if (username !== null && !view.list('consumers').has(username)) return KEY_NOT_FOUND;
  const wanted = readListQuery(query, resourceOf(kind).filters, kind === 'routes');
  if ('fault' in wanted) throw refuse(400, wanted.fault);
  const items = Array.from(view.list(kind).values()).filter(({ id }) => id.startsWith(prefix));
  const found = answerList(items.map(itemOf), wanted);
  const shown = found.list.map((item) => ({ ...item, value: defaults.fill(kind, idOf(item.key), item.value) }));
  return { status: 200, body: { ...found, list: shown } };
}

const idOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

function itemOf({ kind, id, key, value, createdRevision, modifiedRevision }: StoredObject) {
  return { key, value: shownValue(kind, id, value), createdIndex: createdRevision, modifiedIndex: modifiedRevision };
}

function put(request: AdminRequest, target: ObjectsTarget, context: DecisionContext): Plan {
  const resource = resourceOf(target.kind);
  const body = readObject(request.body);
  const id = target.id ?? idInBody(resource, body, target.prefix);
  checkId(resource, id);
  return write(request, { resource, id, value: identified(resource, id, body) }, context);
}

function post(request: AdminRequest, { kind }: ObjectsTarget, context: DecisionContext): Plan {
  const resource = resourceOf(kind);
  const body = readObject(request.body);
  if (body['id'] !== undefined) throw refuse(400, `id: wrong ${resource.noun} id, do not need it: PUT takes one`);
  const id = context.newId();
  const plan = write(request, { resource, id, value: identified(resource, id, body) }, context);
  const changes = plan.changes.map((change): Change =>
    change.op === 'put' ? { ...change, expect: 'absent' } : change,
  );
  return { ...plan, changes };
}

function patch(request: AdminRequest, { kind, id, within }: ObjectsTarget, context: DecisionContext): Decision {
  const resource = resourceOf(kind);
  const stored = id === null ? undefined : context.view.list(kind).get(id);
  if (id === null || stored === undefined) return KEY_NOT_FOUND;
  const current = shownValue(kind, id, stored.value);
  const changed = within.length === 0 ? merged(current, request) : replaced(current, within, request);
  const value = identified(resource, id, changed);
  const plan = write(request, { resource, id, value }, context);
  // What was merged into must still be there.
  const changes = plan.changes.map((change): Change =>
    change.op === 'put' ? { ...change, expect: stored.modifiedRevision } : change,
  );
  return { ...plan, changes };
}

function merged(current: JsonObject, { body }: AdminRequest): JsonObject {
  return mergePatch(current, readObject(body)) as JsonObject;
}

function replaced(current: JsonObject, within: readonly string[], { body }: AdminRequest): JsonObject {
  const result = replaceAt(current, within, readJson(body));
  if ('missing' in result)
    throw refuse(400, `${result.missing}: there is nothing to replace: what holds it has no members`);
  if (!isObject(result.value)) throw refuse(400, 'invalid request body: expected an object');
  return result.value;
}

function remove(request: AdminRequest, { kind, id }: ObjectsTarget, { view }: DecisionContext): Decision {
  const stored = id === null ? undefined : view.list(kind).get(id);
  if (id === null) return KEY_NOT_FOUND;
  if (stored === undefined) return kind === 'credentials' ? goneWithConsumer(id, view) : KEY_NOT_FOUND;
  checkPrecondition(request, stored);
  const isForced = request.query.get('force') === 'true';
  const dependent = isForced ? null : dependentOf(kind, id, view);
  if (dependent !== null) {
    const [noun, other] = [resourceOf(kind).noun, resourceOf(dependent.kind).noun];
    throw refuse(400, `can not delete this ${noun}, ${other} [${dependent.id}] is still using it now`);
  }
  const credentials = kind === 'consumers' ? credentialsOf(id, view) : [];
  return {
    changes: [
      ...credentials.map((one): Change => ({ op: 'delete', kind: 'credentials', id: one })),
      { op: 'delete', kind, id, expect: stored.modifiedRevision },
    ],
    ...(isForced ? {} : { unchangedSince: view.revision }),
    answer: () => ({ status: 200, body: { key: stored.key, deleted: '1' } }),
  };
}

/** Clients that remove a consumer go on to remove its credentials, which went with it: that is no mistake of theirs. */
function goneWithConsumer(id: string, view: View): Answer {
  if (view.list('consumers').has(id.slice(0, id.indexOf('/')))) return KEY_NOT_FOUND;
  return { status: 200, body: { key: keyOf({ kind: 'credentials', id }), deleted: '0' } };
}

/** They mean nothing without their consumer. */
function credentialsOf(username: string, view: View): string[] {
  return Array.from(view.list('credentials').keys()).filter((id) => id.startsWith(`${username}/`));
}

interface Wanted {
  readonly resource: Resource;
  readonly id: string;
  readonly value: JsonObject;
}

/** Everything that is wrong, then the write. */
function write(request: AdminRequest, { resource, id, value }: Wanted, context: DecisionContext): Plan {
  const { view, checker, keys, defaults } = context;
  const { kind } = resource;
  const found = checkByItself(checker, kind, { id, value }, view.list('plugin_metadata'));
  const duplicates = keys.duplicates(view, { name: `${kind}/${id}`, keys: found.keys }, new Set());
  const stored = view.list(kind).get(id);
  const expired = expiredProblems(kind, value, stored, context.now_ms());
  const problems = [...found.problems, ...checkReferences(kind, id, value, view), ...duplicates, ...expired];
  if (problems.length > 0) throw refuseProblems(problems);
  checkPrecondition(request, stored);
  const ttl_s = readTtl(request.query);
  const isConditional = request.ifMatch !== '' || request.ifNoneMatch !== '';
  const change: Put = {
    op: 'put',
    kind,
    id,
    value,
    ...(ttl_s === undefined ? {} : { ttl_s }),
    ...(isConditional ? { expect: stored?.modifiedRevision ?? 'absent' } : {}),
  };
  return {
    changes: [change, ...presentReferences(kind, id, value)],
    ...(found.keys.length === 0 ? {} : { unchangedSince: view.revision }),
    answer({ results }) {
      const [written] = results;
      const after = written?.after ?? null;
      return {
        status: written?.before === null ? 201 : 200,
        body:
          after === null ? {} : { key: after.key, value: defaults.fill(kind, id, shownValue(kind, id, after.value)) },
        headers: {
          ...(after === null ? {} : { ETag: `"${after.modifiedRevision}"` }),
          ...warningHeaders(found.warnings),
        },
      };
    },
  };
}

/** What is referred to must still be there when the object is written. */
export function presentReferences(kind: Resource['kind'], id: string, value: JsonObject): Change[] {
  const wanted = new Map(referencesOf(kind, id, value).map((one) => [`${one.kind}/${one.id}`, one]));
  wanted.delete(`${kind}/${id}`);
  return Array.from(wanted.values(), (one) => ({ op: 'check', kind: one.kind, id: one.id, expect: 'present' }));
}

/** RFC 9110 sections 13.1.1 and 13.1.2, with the `modifiedIndex` for an entity tag. Throws Refused. */
function checkPrecondition(request: AdminRequest, stored: StoredObject | undefined): void {
  const wanted = readIfMatch(request.ifMatch);
  const current = stored?.modifiedRevision;
  if (wanted !== undefined && (current === undefined || (wanted !== '*' && wanted !== current))) {
    const state = current === undefined ? 'it is not there' : `it is at modifiedIndex ${current}`;
    throw refuse(412, `If-Match: the object has changed: ${state}`);
  }
  if (request.ifNoneMatch === '') return;
  if (request.ifNoneMatch.trim() !== '*') throw refuse(400, 'If-None-Match: expected *');
  if (current !== undefined)
    throw refuse(412, `If-None-Match: the object is there already, at modifiedIndex ${current}`);
}

function idInBody({ kind, noun }: Resource, body: JsonObject, prefix: string): string {
  const given = kind === 'consumers' ? body['username'] : body['id'];
  const name = kind === 'consumers' ? 'username' : 'id';
  if (!isId(given)) {
    throw refuse(400, `${name}: missing ${noun} ${name}: it stands in the path or in the body`);
  }
  const id = String(given);
  return id.startsWith(prefix) ? id : prefix + id;
}

/** The value with its id, which the body need not repeat and must not contradict. Throws Refused. */
function identified({ kind, noun }: Resource, id: string, body: JsonObject): JsonObject {
  const inner = innerId(kind, id);
  if (kind === 'consumers') {
    const { username = id } = body;
    if (username !== id) throw refuse(400, `username: wrong username: the path says ${JSON.stringify(id)}`);
    return { ...body, username };
  }
  const { id: given, ...rest } = body;
  if (given !== undefined && !(isId(given) && [id, inner, id.slice(id.indexOf('/') + 1)].includes(String(given)))) {
    throw refuse(400, `id: wrong ${noun} id: the path says ${JSON.stringify(inner)}`);
  }
  return kind === 'plugin_metadata' ? rest : { ...rest, id: inner };
}
