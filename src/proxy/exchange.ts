/**
 * One request and its response: what came, what was decided, and what happened. The plain fields are always there;
 * they are what log lines, error bodies and explanations are made of.
 */
import type { Chain, Step } from '../compile/chain.ts';
import { EMPTY_CHAIN } from '../compile/chain-source.ts';
import type { CompiledNode, CompiledRoute, CompiledUpstream, Snapshot } from '../compile/snapshot.ts';
import type { Head } from '../http1/head.ts';
import type { AccessRecord } from '../observe/access-record.ts';
import type { BodyVariables } from '../router/variable-source.ts';
import type { RouteParameters, RouteRequest } from '../router/router.ts';
import type {
  Consumer,
  ConsumerMatch,
  Exchange as PluginExchange,
  ExchangeKey,
  Http2Wish,
  Outcome,
  RouteFacts,
} from '../sdk/exchange.ts';
import type { Upstream } from '../sdk/host.ts';
import type { AddedFields } from './added-fields.ts';
import type { Attempt } from './attempt.ts';
import { Asked, delayed, sendProxyProtocol, useHttp2, useUpstream } from './asked.ts';
import type { ConnectionMemo } from './connection-memo.ts';
import type { Downstream } from './downstream.ts';
import { outcomeOf, routeFacts } from './facts.ts';
import { runLog } from './pipeline.ts';
import type { Plane, SnapshotUse } from './plane.ts';
import { setValue, valueOf } from './pairs.ts';
import { RequestView } from './request-view.ts';
import { ResponseView } from './response-view.ts';
import type { RequestStart } from './target.ts';
import { variableOf } from './variables.ts';

const NO_ATTEMPTS: readonly Attempt[] = Object.freeze([]);
const NO_STEPS: readonly Step[] = Object.freeze([]);
const REQUEST_ID = /^[\x21-\x7e]{1,256}$/;

export class Exchange implements AccessRecord, RouteRequest, PluginExchange {
  readonly plane: Plane;
  /** Taken once: every decision about this exchange is made by one revision. What is left of it once the head is sent. */
  snapshot: Snapshot;
  readonly use: SnapshotUse;
  readonly downstream: Downstream;
  readonly connectionMemo: ConnectionMemo;
  private readonly sequence: number;
  /** Monotonic time at the arrival of the head. */
  readonly started_ms: number;

  readonly head: Head;
  readonly method: string;
  /** As sent. */
  readonly target: string;
  readonly minorVersion: number;
  /** Normalised, without query. */
  path = '';
  /** With its question mark; '' without. */
  query = '';
  /** As sent, or as an absolute target says; '' if the request has none. */
  hostHeader = '';
  /** Lower case, without port. */
  host = '';
  /** Whether the request has a body, of whatever size. */
  hasBody = false;
  /** For predicates on the body; undefined until it is there. */
  body: BodyVariables | undefined = undefined;
  parameters: RouteParameters | null = null;
  /** Request line and Host are in the spelling in which they are forwarded, as long as nothing changes them. */
  isStartPlain = false;
  acceptsTrailers = false;
  expectsContinue = false;

  matched: CompiledRoute | null = null;
  matchedText = '';
  isPrefixMatched = false;
  /** The final head that the upstream sent, null if the gateway answered itself. */
  upstreamHead: Head | null = null;
  status = 0;
  bodyBytesSent = 0;
  bodyBytesReceived = 0;
  /** Why the gateway answered itself, or why an answer broke off; '' if neither. */
  errorCode = '';
  /** As the upstream sent it; `status` may have been changed since. */
  upstreamStatus = 0;
  upstreamUri = '';
  upstreamHost = '';
  /** Of the last attempt; null before the first. */
  node: CompiledNode | null = null;
  /** Answered, or failed last; null before the first. */
  lastAttempt: Attempt | null = null;
  /** In their order; most exchanges have none. */
  earlierAttempts: readonly Attempt[] = NO_ATTEMPTS;
  duration_ms = 0;

  /** What runs for this exchange. Set before the first phase. */
  chain: Chain = EMPTY_CHAIN;
  /** Steps that asked for the response body. */
  bodySteps: readonly Step[] = NO_STEPS;
  /** The plugin that ended the exchange with a Reply, '' if none did. */
  repliedBy = '';
  isNodeChosen = false;
  isSent = false;
  isHeadSent = false;
  /** What plugins put in the place of what the client asked for; null leaves it. */
  newMethod: string | null = null;
  newPath: string | null = null;
  newQuery: string | null = null;
  newHost: string | null = null;
  consumer: Consumer | null = null;
  credentialId = '';
  private mayAuthenticate = true;
  private requestView: RequestView | null = null;
  private responseView: ResponseView | null = null;
  /** What plugins share through it: keys and values in turn. */
  shared: unknown[] | null = null;
  private filtered: Map<Step, boolean> | null = null;
  ownRequestId = '';
  isOver = false;
  /** What plugins asked for beyond the usual; null where none did. */
  asked: Asked | null = null;

  constructor(plane: Plane, downstream: Downstream, memo: ConnectionMemo, head: Head, start: RequestStart) {
    this.plane = plane;
    this.use = plane.current;
    this.use.begin();
    this.snapshot = this.use.snapshot;
    this.downstream = downstream;
    this.connectionMemo = memo;
    this.sequence = plane.ids.next();
    this.started_ms = plane.clock.monotonic_ms();
    this.head = head;
    this.method = start.method;
    this.target = start.target;
    this.minorVersion = downstream.minorVersion;
  }

  /** Unique across workers and restarts; in logs, in error bodies. */
  get id(): string {
    return this.plane.ids.text(this.sequence);
  }

  get requestId(): string {
    return this.ownRequestId === '' ? this.id : this.ownRequestId;
  }

  setRequestId(id: string, isSound = false): void {
    if (!isSound && !REQUEST_ID.test(id)) throw new TypeError(`${JSON.stringify(id)} is no request id`);
    this.ownRequestId = id;
  }

  get revision(): number {
    return this.snapshot.revision;
  }

  /** As logs and variables have it. */
  get protocol(): string {
    return this.downstream.isMultiplexed ? 'HTTP/2.0' : `HTTP/1.${this.minorVersion}`;
  }

  get remoteAddress(): string {
    return this.asked?.client?.address ?? this.downstream.remoteAddress;
  }

  get serverPort(): number {
    return this.downstream.localPort;
  }

  get scheme(): 'http' | 'https' {
    return this.connectionMemo.tls === null ? 'http' : 'https';
  }

  get isPeerTrusted(): boolean {
    return this.connectionMemo.isPeerTrusted;
  }

  get isHead(): boolean {
    return this.method === 'HEAD';
  }

  /** What the upstream is asked with. */
  get sentMethod(): string {
    return this.newMethod ?? this.method;
  }

  get routeId(): string {
    return this.matched?.id ?? '';
  }

  get serviceId(): string {
    return this.matched?.serviceId ?? '';
  }

  /** Where the request goes; null if nowhere. */
  get upstream(): CompiledUpstream | null {
    const used = this.asked?.upstream;
    return used === undefined || used === null ? (this.matched?.upstream ?? null) : (used.in(this.snapshot) ?? null);
  }

  get upstreamKey(): string {
    return this.upstream?.key ?? '';
  }

  get upstreamScheme(): string {
    return this.upstream?.scheme ?? '';
  }

  /** Wall clock at the arrival of the head. */
  get startedAt_ms(): number {
    const { clock } = this.plane;
    return clock.wall_ms() - (clock.monotonic_ms() - this.started_ms);
  }

  get elapsed_ms(): number {
    return this.plane.clock.monotonic_ms() - this.started_ms;
  }

  // What plugins see.

  get request(): RequestView {
    return (this.requestView ??= new RequestView(this));
  }

  get response(): ResponseView {
    if (this.responseView === null) throw new Error('there is no response yet: it is there from responseHead on');
    return this.responseView;
  }

  /** Makes the response visible to plugins. @param head null for a Reply */
  openResponse(head: Head | null): ResponseView {
    return (this.responseView = new ResponseView(this, head));
  }

  /** Fields that plugins added to the request, null for none. */
  get requestAdded(): AddedFields | null {
    return this.requestView?.fields.added ?? null;
  }

  get responseAdded(): AddedFields | null {
    return this.responseView?.fields.added ?? null;
  }

  mustBeUnsent(): void {
    if (this.isSent) throw new Error('the request was sent already: it can be changed up to the phase beforeProxy');
    if (this.isOver) throw new Error('the exchange is over');
  }

  mustHaveUnsentHead(): void {
    if (this.isHeadSent)
      throw new Error('the response head was sent already: it can be changed in the phase responseHead');
  }

  addBodyStep(step: Step): void {
    this.bodySteps = [...this.bodySteps, step];
  }

  dropBodySteps(): void {
    this.bodySteps = NO_STEPS;
  }

  get route(): RouteFacts {
    return routeFacts(this);
  }

  findConsumer(plugin: string, key: string): ConsumerMatch | undefined {
    return this.snapshot.consumers?.find(plugin, key);
  }

  consumerNamed(username: string): Consumer | undefined {
    return this.snapshot.consumers?.named(username);
  }

  authenticate(consumer: Consumer, credentialId = ''): void {
    if (!this.mayAuthenticate) throw new Error('the phase rewrite is over: authentication runs there');
    this.consumer = consumer;
    this.credentialId = credentialId;
  }

  /** The phase rewrite of the route is over: from now on the consumer's own plugins have their part. */
  endAuthentication(): void {
    this.mayAuthenticate = false;
    if (this.consumer !== null) this.chain = this.snapshot.chains?.chainOf(this.matched, this.consumer) ?? this.chain;
  }

  get consumerName(): string {
    return this.consumer?.username ?? '';
  }

  get<T>(key: ExchangeKey<T>): T | undefined {
    return valueOf(this.shared, key) as T | undefined;
  }

  set<T>(key: ExchangeKey<T>, value: T): void {
    setValue((this.shared ??= []), key, value);
  }

  /** `_meta.filter` of a step: decided once, whatever changes later. */
  passesFilter(step: Step): boolean {
    this.filtered ??= new Map();
    let passes = this.filtered.get(step);
    if (passes === undefined) {
      passes = step.filter?.(this) ?? true;
      this.filtered.set(step, passes);
    }
    return passes;
  }

  get outcome(): Outcome {
    return outcomeOf(this);
  }

  // What is logged.

  header(name: string): string | undefined {
    return this.head.get(name);
  }

  responseHeader(name: string): string | undefined {
    return this.upstreamHead?.get(name);
  }

  variable(name: string): string | undefined {
    return this.asked?.variables?.get(name) ?? variableOf(this, name);
  }

  setVariable(name: string, value: string): void {
    this.ask().setVariable(name, value);
  }

  // What plugins may ask for beyond the usual.

  ask(): Asked {
    return (this.asked ??= new Asked());
  }

  delay(delay_ms: number): Promise<void> {
    return delayed(this, delay_ms);
  }

  onOver(callback: () => void): void {
    if (this.isOver) callback();
    else this.ask().onOver(callback);
  }

  setRemoteAddress(address: string, port: string): void {
    this.ask().client = { address, port };
  }

  skipPlugin(name: string): void {
    this.ask().skip(name);
  }

  useUpstream(upstream: Upstream): void {
    useUpstream(this, upstream);
  }

  sendProxyProtocol(version: 1 | 2): void {
    sendProxyProtocol(this, version);
  }

  useHttp2(wish: Http2Wish): void {
    useHttp2(this, wish);
  }

  /** In their order; the last one answered, or failed last. */
  get attempts(): readonly Attempt[] {
    return this.lastAttempt === null ? NO_ATTEMPTS : [...this.earlierAttempts, this.lastAttempt];
  }

  addAttempt(attempt: Attempt): void {
    if (this.lastAttempt !== null) this.earlierAttempts = this.attempts;
    this.lastAttempt = attempt;
  }

  get upstreamAddresses(): string {
    return this.attempts.map(({ address }) => address).join(', ');
  }

  get upstreamStatuses(): string {
    return this.attempts.map(({ status }) => (status === 0 ? '-' : String(status))).join(', ');
  }

  get upstreamTimes(): string {
    return this.attempts.map(({ elapsed_ms }) => (elapsed_ms / 1000).toFixed(3)).join(', ');
  }

  /** Runs the log phase. To be called when the exchange is over, however it ended; further calls do nothing. */
  finish(now_ms = this.plane.clock.monotonic_ms()): void {
    if (this.isOver) return;
    this.isOver = true;
    this.duration_ms = now_ms - this.started_ms;
    if (this.chain.log.length > 0) runLog(this);
    this.plane.onFinished(this);
    this.asked?.end(this.plane.onFault);
    this.use.end();
  }
}
