/**
 * One request and its response: what came, what was decided, and what happened. The plain fields are always there;
 * they are what log lines, error bodies and explanations are made of.
 */
import type { CompiledRoute, Snapshot } from '../compile/snapshot.ts';
import type { Head } from '../http1/head.ts';
import type { AccessRecord } from '../observe/access-record.ts';
import type { RouteRequest } from '../router/router.ts';
import { type ErrorCode } from '../sdk/errors.ts';
import type { ConnectionMemo } from './connection-memo.ts';
import type { Downstream } from './downstream.ts';
import type { Plane } from './plane.ts';
import { variableOf } from './variables.ts';

export class Exchange implements AccessRecord, RouteRequest {
  readonly plane: Plane;
  /** Taken once: every decision about this exchange is made by one revision. */
  readonly snapshot: Snapshot;
  readonly downstream: Downstream;
  readonly connectionMemo: ConnectionMemo;
  private readonly sequence: number;
  /** Monotonic time at the arrival of the head. */
  readonly started_ms: number;

  readonly request: Head;
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
  acceptsTrailers = false;
  expectsContinue = false;

  route: CompiledRoute | null = null;
  /** The final head that the upstream sent, null if the gateway answered itself. */
  response: Head | null = null;
  status = 0;
  bodyBytesSent = 0;
  /** Why the gateway answered itself, or why an answer broke off; '' if neither. */
  errorCode: ErrorCode | '' = '';
  upstreamUri = '';
  upstreamHost = '';
  /** In their order; the last one answered, or failed last. */
  readonly attempts: Attempt[] = [];
  duration_ms = 0;
  consumerName = '';

  private isFinished = false;

  constructor(plane: Plane, downstream: Downstream, memo: ConnectionMemo, request: Head, start: RequestStart) {
    this.plane = plane;
    this.snapshot = plane.snapshot;
    this.downstream = downstream;
    this.connectionMemo = memo;
    this.sequence = plane.ids.next();
    this.started_ms = plane.clock.monotonic_ms();
    this.request = request;
    this.method = start.method;
    this.target = start.target;
    this.minorVersion = downstream.minorVersion;
  }

  /** Unique across workers and restarts; in logs, in error bodies. */
  get id(): string {
    return this.plane.ids.text(this.sequence);
  }

  get revision(): number {
    return this.snapshot.revision;
  }

  get remoteAddress(): string {
    return this.downstream.remoteAddress;
  }

  get serverPort(): number {
    return this.downstream.localPort;
  }

  get scheme(): 'http' | 'https' {
    return 'http';
  }

  get isPeerTrusted(): boolean {
    return this.connectionMemo.isPeerTrusted;
  }

  get isHead(): boolean {
    return this.method === 'HEAD';
  }

  get routeId(): string {
    return this.route?.id ?? '';
  }

  get serviceId(): string {
    return this.route?.serviceId ?? '';
  }

  get upstreamScheme(): string {
    return this.route?.upstream?.scheme ?? '';
  }

  /** Wall clock at the arrival of the head. */
  get startedAt_ms(): number {
    const { clock } = this.plane;
    return clock.wall_ms() - (clock.monotonic_ms() - this.started_ms);
  }

  get elapsed_ms(): number {
    return this.plane.clock.monotonic_ms() - this.started_ms;
  }

  header(name: string): string | undefined {
    return this.request.get(name);
  }

  responseHeader(name: string): string | undefined {
    return this.response?.get(name);
  }

  variable(name: string): string | undefined {
    return variableOf(this, name);
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
    if (this.isFinished) return;
    this.isFinished = true;
    this.duration_ms = now_ms - this.started_ms;
    this.plane.onFinished(this);
  }
}

/** One try at one node. */
export interface Attempt {
  readonly address: string;
  /** 0 if no head came. */
  readonly status: number;
  readonly elapsed_ms: number;
}

/** The request line, as sent. */
export interface RequestStart {
  readonly method: string;
  readonly target: string;
}
