/** The Admin API over a store: decides, writes one change after the other, and answers. It knows nothing of sockets. */
import { ObjectChecker } from '../compile/object-checker.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Matching } from '../compile/snapshot.ts';
import type { Kind } from '../model/object-set.ts';
import { StoreError } from '../store/store-error.ts';
import type { Store, WriteResult } from '../store/store.ts';
import { isPlan, refuse, Refused, refuseMethod, refuseProblems, warningHeaders } from './answer.ts';
import type { Answer, Decision } from './answer.ts';
import { recordOf } from './audit.ts';
import type { AuditRecord, Origin } from './audit.ts';
import { checkByItself, ConsumerKeys } from './check.ts';
import { expiredProblems } from './expired.ts';
import { answerConfigs, decideConfigs, NO_VERSIONS, validateConfigs } from './configs.ts';
import type { Versions } from './configs.ts';
import { LiveView } from './live-view.ts';
import { decideObjects } from './objects.ts';
import type { DecisionContext } from './objects.ts';
import { openApiDocument } from './openapi.ts';
import { answerPlugins, answerReload } from './plugins.ts';
import { Defaults } from './defaults.ts';
import { readDocument } from './document-body.ts';
import { Redactor } from './redact.ts';
import { redactAnswer } from './redact-answer.ts';
import { readObject } from './request.ts';
import type { AdminRequest } from './request.ts';
import { refuseStoreError } from './store-refusal.ts';
import { parseTarget } from './target.ts';
import type { Target } from './target.ts';

export interface AdminApiOptions {
  readonly store: Store;
  /** The enabled ones. */
  readonly plugins: PluginRegistry;
  /** How requests are matched: some patterns are right for one router only. */
  readonly matching: Matching;
  /** Milliseconds since the epoch. */
  now_ms(): number;
  /** An id that nothing has yet. */
  newId(): string;
  /** Takes one record for every object that was changed. */
  onChange(record: AuditRecord): void;
  /** Resolves with true once every worker serves the store's revision, with false if that takes longer. */
  isServed(revision: number, within_ms: number): Promise<boolean>;
  /** Whether the code of the plugins that run is what their files hold. */
  isCodeCurrent(): Promise<boolean>;
}

/** What a caller may wait for at most. */
const SERVED_WITHIN_MS = 10_000;
/** How long an answer waits for the API's own copy to show what was written. */
const VIEW_WITHIN_MS = 1000;
const FIRST_STATE_WITHIN_MS = 2000;
/** How often a change is decided anew because someone else was faster. */
const MAX_ATTEMPTS = 5;

interface Carried {
  readonly answer: Answer;
  /** Null if nothing was written. */
  readonly revision: number | null;
}

export class AdminApi {
  private readonly options: AdminApiOptions;
  private readonly view: LiveView;
  private readonly checker: ObjectChecker;
  private readonly keys: ConsumerKeys;
  private readonly redactor: Redactor;
  private readonly defaults: Defaults;
  private versions: Versions = NO_VERSIONS;
  /** Settles when the last change that was asked for is over: in this process they come one after the other. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(options: AdminApiOptions) {
    this.options = options;
    this.view = new LiveView(options.store);
    this.checker = new ObjectChecker(options.plugins, options.matching);
    this.keys = new ConsumerKeys(this.checker);
    this.redactor = new Redactor(options.plugins);
    this.defaults = new Defaults(options.plugins);
  }

  close(): void {
    this.view.close();
  }

  /** Never rejects for what a client can send. @param path of the request target, without its query */
  async answer(request: AdminRequest, path: string, origin: Origin): Promise<Answer> {
    try {
      const target = parseTarget(path);
      if ('status' in target) throw refuse(target.status, target.message);
      checkRole(request, target, origin);
      const answer = await this.answerTarget(request, path, target, origin);
      return origin.caller.role === 'viewer' ? redactAnswer(answer, target, this.redactor) : answer;
    } catch (error) {
      if (error instanceof Refused) return error.answer;
      if (error instanceof StoreError) return refuseStoreError(error).answer;
      throw error;
    }
  }

  private async answerTarget(request: AdminRequest, path: string, target: Target, origin: Origin): Promise<Answer> {
    const { method } = request;
    const { plugins } = this.options;
    if (target.type === 'root') {
      if (method !== 'HEAD' && method !== 'GET') throw refuseMethod(method, 'the API itself', ['GET', 'HEAD']);
      return { status: 200, body: null };
    }
    if (target.type === 'openapi') {
      if (method !== 'HEAD' && method !== 'GET') throw refuseMethod(method, 'this document', ['GET', 'HEAD']);
      return { status: 200, body: openApiDocument(plugins) };
    }
    if (target.type === 'plugins') {
      if (target.name === 'reload') return answerReload(request, await this.options.isCodeCurrent());
      return answerPlugins(request, target.name, plugins);
    }
    if (!(await this.view.reached(0, FIRST_STATE_WITHIN_MS))) {
      throw refuse(503, `the store has not answered yet: ${this.view.status.reason}`);
    }
    if (target.type === 'schema') return this.validate(request, target.kind);
    if (target.type === 'configs') return this.answerConfigs(request, path, target.isValidation, origin);
    if (method === 'GET' || method === 'HEAD') {
      return decideObjects(request, target, this.context()) as Answer;
    }
    return this.change({ request, path, origin }, () => ({ decision: decideObjects(request, target, this.context()) }));
  }

  private async answerConfigs(request: AdminRequest, path: string, isValidation: boolean, origin: Origin) {
    const { method } = request;
    if (isValidation) {
      if (method !== 'POST') throw refuseMethod(method, 'validation', ['POST']);
      return validateConfigs(readDocument(request), this.context());
    }
    if (method === 'GET' || method === 'HEAD') return answerConfigs(this.view, this.versions, request.accept);
    if (method !== 'PUT') throw refuseMethod(method, 'configs', ['GET', 'HEAD', 'PUT']);
    const document = readDocument(request);
    const { digest } = request;
    return this.change({ request, path, origin }, () => {
      const now_ms = this.options.now_ms();
      const plan = decideConfigs({ document, digest, now_ms }, this.versions, this.context());
      return { decision: plan.decision, onWritten: () => (this.versions = plan.versions) };
    });
  }

  private validate(request: AdminRequest, kind: Kind): Answer {
    if (request.method !== 'POST') throw refuseMethod(request.method, 'validation', ['POST']);
    const value = readObject(request.body);
    const id = idFor(kind, value);
    const { problems, warnings } = checkByItself(this.checker, kind, { id, value }, this.view.list('plugin_metadata'));
    const expired = expiredProblems(kind, value, undefined, this.options.now_ms());
    if (problems.length + expired.length > 0) throw refuseProblems([...problems, ...expired]);
    return { status: 200, body: {}, headers: warningHeaders(warnings) };
  }

  private context(): DecisionContext {
    const { view, checker, keys, defaults, options } = this;
    return { view, checker, keys, defaults, newId: () => options.newId(), now_ms: () => options.now_ms() };
  }

  private async change(asked: Asked, decide: () => Deciding): Promise<Answer> {
    const turn = this.last.then(() => this.carryOut(asked, decide));
    this.last = turn.catch(() => undefined);
    const { answer, revision } = await turn;
    if (revision === null) return answer;
    const headers = { ...answer.headers, 'X-Gatewright-Revision': String(revision) };
    if (asked.request.query.get('wait') !== 'true') return { ...answer, headers };
    const isServed = await this.options.isServed(revision, SERVED_WITHIN_MS);
    // Stored all the same: RFC 9110 section 15.3.3.
    const status = isServed ? answer.status : 202;
    return { ...answer, status, headers: { ...headers, 'X-Gatewright-In-Force': String(isServed) } };
  }

  private async carryOut(asked: Asked, decide: () => Deciding): Promise<Carried> {
    const { store } = this.options;
    for (let attempt = 1; ; attempt++) {
      const { revision } = this.view;
      const { decision, onWritten } = decide();
      if (!isPlan(decision)) {
        onWritten?.();
        return { answer: decision, revision: null };
      }
      if (store.readOnlyReason !== '') throw refuse(403, `the store takes no changes: ${store.readOnlyReason}`);
      try {
        const { changes, unchangedSince } = decision;
        const result = await store.write(changes, unchangedSince === undefined ? {} : { unchangedSince });
        onWritten?.();
        this.note(asked, result);
        await this.view.reached(result.revision, VIEW_WITHIN_MS);
        return { answer: decision.answer(result), revision: result.revision };
      } catch (error) {
        const isBeaten = error instanceof StoreError && error.code === 'conflict';
        if (!isBeaten || attempt === MAX_ATTEMPTS) throw error;
        await this.view.reached(revision + 1, VIEW_WITHIN_MS);
      }
    }
  }

  private note({ request, path, origin }: Asked, { revision, results }: WriteResult): void {
    const now_ms = this.options.now_ms();
    const { redactor } = this;
    for (const written of results) {
      const record = recordOf(written, { origin, method: request.method, path, now_ms, revision, redactor });
      if (record !== null) this.options.onChange(record);
    }
  }
}

/** A change as it was asked for. */
interface Asked {
  readonly request: AdminRequest;
  readonly path: string;
  readonly origin: Origin;
}

interface Deciding {
  readonly decision: Decision;
  readonly onWritten?: () => void;
}

/** Viewers read, and validate, which changes nothing. */
function checkRole({ method }: AdminRequest, target: Target, { caller }: Origin): void {
  if (caller.role === 'admin' || method === 'GET' || method === 'HEAD') return;
  const isHarmless = target.type === 'schema' || (target.type === 'configs' && target.isValidation);
  if (isHarmless && method === 'POST') return;
  throw refuse(403, `the key ${JSON.stringify(caller.name)} has the role viewer, which changes nothing`);
}

/** An id to check an object by that has none, or one that the model is to judge. */
function idFor(kind: Kind, value: Readonly<Record<string, unknown>>): string {
  const given = kind === 'consumers' ? value['username'] : value['id'];
  return typeof given === 'string' ? given : kind === 'credentials' ? 'anyone/credentials/any' : 'any';
}
