/**
 * The attempt loop: picks a node, sends the request, passes the response on, and tries again where that is safe. It
 * speaks to the client through Downstream and to the upstream through Transport; nothing in it is about sockets.
 */
import { LATENCY_FAILED, LATENCY_UNKNOWN } from '../balance/balancer.ts';
import type { CompiledNode } from '../compile/snapshot.ts';
import type { ResponseFault, ResponseSink } from '../http1/client-settings.ts';
import type { OutgoingRequest } from '../http1/messages.ts';
import type { RequestFault } from '../http1/faults.ts';
import { Head } from '../http1/head.ts';
import { passableTrailers } from '../http1/trailers.ts';
import type { RequestSink } from '../http1/server-settings.ts';
import type { AttemptResult } from '../sdk/attempt.ts';
import type { ErrorCode } from '../sdk/errors.ts';
import type { UpstreamStream } from '../upstream/transport.ts';
import { interimText } from './interim.ts';
import { NodeChoice } from './node-choice.ts';
import { outgoingRequest, timeoutsTo } from './outgoing-request.ts';
import { breakOff, replyError } from './reply.ts';
import { RequestCopy, REPLAYED_BODY_BYTES } from './request-copy.ts';
import { type Passed, ResponseRelay } from './response-relay.ts';
import { costsBudget, decideRetry, type FailedAttempt, isIdempotent, retryDelay } from './retry.ts';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/**
 * An upstream that knows nothing of `Expect: 100-continue` waits for the body while the client waits for leave to send
 * it. After this time the gateway gives that leave itself.
 */
const CONTINUE_PATIENCE_MS = 1_000;

/** How each way of failing is answered. */
const FAULT_CODES: Record<ResponseFault, ErrorCode> = {
  refused: 'upstream_refused',
  connect_timeout: 'upstream_connect_timeout',
  handshake: 'upstream_handshake',
  certificate: 'upstream_certificate',
  protocol: 'upstream_protocol',
  send_timeout: 'upstream_send_timeout',
  read_timeout: 'upstream_timeout',
  reset: 'upstream_reset',
  malformed: 'upstream_malformed',
  unprocessed: 'upstream_reset',
  exhausted: 'descriptors_exhausted',
};

export class Forward extends NodeChoice implements RequestSink, ResponseSink {
  protected stream: UpstreamStream | null = null;
  private attemptStarted_ms = 0;
  private attempts = 0;
  /** Of the attempt that failed last. */
  private fault: ResponseFault | null = null;
  /** To the same node as the attempt before. */
  private freshAttempts = 0;
  private copy: RequestCopy | null = null;
  private isRequestComplete = false;
  private relay: ResponseRelay | null = null;
  protected headAt_ms = -1;
  private continueTimer: { stop(): void } | null = null;
  /** Set while the next attempt is being waited for. */
  private retryTimer: { stop(): void } | null = null;

  get takesLittle(): boolean {
    return this.exchange.downstream.isMultiplexed;
  }

  // The request.

  onRequestStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    this.isRequestComplete = isComplete;
    this.exchange.bodyBytesReceived += end - start;
    this.attempts++;
    this.attempt(bytes, start, end, false);
    if (this.stream !== null && !isComplete && this.exchange.expectsContinue && start === end) this.awaitContinue();
  }

  onRequestBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    this.isRequestComplete = isComplete;
    const { stream, copy } = this;
    this.exchange.bodyBytesReceived += end - start;
    if (stream === null) {
      if (this.retryTimer !== null) copy?.add(bytes, start, end);
      return;
    }
    if (copy !== null) {
      copy.add(bytes, start, end);
      // A connection that is still being made may have to be given up: until then the copy stays whole.
      if (copy.length > REPLAYED_BODY_BYTES && stream.isConnected) this.dropCopy();
    }
    if (isComplete) this.passTrailers(stream);
    if (!stream.write(bytes, start, end, isComplete)) this.exchange.downstream.pauseBody();
  }

  onRequestFault(fault: RequestFault): void {
    // Refused before anything was sent: the node goes back as it was.
    if (this.attempts++ === 0) this.cancel();
    else this.endAttempt(LATENCY_UNKNOWN);
    this.giveUp(fault);
  }

  onClientGone(): void {
    // Before anything was sent: the node goes back as it was.
    if (this.attempts === 0) this.cancel();
    else this.endAttempt(this.latency_ms);
    const { exchange } = this;
    if (!this.exchange.isHeadSent) exchange.status = 499;
    exchange.errorCode = 'client_closed';
    exchange.finish();
  }

  onClientWritable(): void {
    this.stream?.resume();
  }

  /** What came behind the client's body, where the node has a place for it. */
  private passTrailers(stream: UpstreamStream): void {
    const { downstream, asked } = this.exchange;
    const { requestTrailers = '' } = downstream;
    // Those of a body that was replaced say nothing of the other one.
    if (requestTrailers === '' || (asked?.body?.replacement ?? null) !== null) return;
    stream.addTrailers?.(passableTrailers(requestTrailers));
  }

  private awaitContinue(): void {
    this.continueTimer = this.exchange.plane.startTimer(CONTINUE_PATIENCE_MS, () => this.sendContinue());
  }

  /** Lets the client send its body: because the upstream said so, or because it says nothing. */
  private sendContinue(): void {
    this.continueTimer?.stop();
    this.continueTimer = null;
    if (!this.exchange.isHeadSent && this.exchange.expectsContinue) this.exchange.downstream.respondInterim(CONTINUE);
    this.exchange.expectsContinue = false;
  }

  // Attempts.

  private attempt(bytes: Buffer, start: number, end: number, isFresh: boolean): void {
    const { exchange, upstream } = this;
    const { plane } = exchange;
    const { nodes } = this.target;
    const node = nodes[this.nodeIndex];
    if (node === undefined) throw new RangeError(`the balancer picked node ${this.nodeIndex} of ${nodes.length}`);
    // The first attempt begins with the exchange: reading the clock again would cost more than it tells.
    this.attemptStarted_ms = this.attempts === 1 && !isFresh ? exchange.started_ms : plane.clock.monotonic_ms();
    const timeouts = timeoutsTo(exchange, upstream);
    exchange.isSent = true;
    exchange.node = node;
    const request = this.requestTo(node);
    const stream = plane.transport.open(upstream, node, this, {
      isHead: exchange.sentMethod === 'HEAD',
      timeouts,
      isFresh,
      authority: exchange.upstreamHost,
      wishes: exchange.asked,
    });
    this.stream = stream;
    if (this.copy === null && this.mayNeedCopy(stream)) {
      this.copy = new RequestCopy();
      this.copy.add(bytes, start, end);
    }
    if (this.isRequestComplete) this.passTrailers(stream);
    if (!stream.send(request, bytes, start, end, this.isRequestComplete)) exchange.downstream.pauseBody();
  }

  protected requestTo(node: CompiledNode): OutgoingRequest {
    return outgoingRequest(this.exchange, this.upstream, node);
  }

  /** A copy is made only where a retry could follow, and only of requests that have a body. */
  private mayNeedCopy(stream: UpstreamStream): boolean {
    if (!this.exchange.hasBody) return false;
    const mayRepeat = !stream.isConnected || stream.isMultiplexed || isIdempotent(this.exchange.sentMethod);
    return mayRepeat && (this.target.retries > 0 || stream.isReused || stream.isMultiplexed);
  }

  private dropCopy(): void {
    this.copy?.drop();
  }

  private get canReplay(): boolean {
    return this.copy === null ? !this.exchange.hasBody : this.copy.isWhole;
  }

  /** Time to the response head. */
  protected get latency_ms(): number {
    return this.headAt_ms < 0 ? LATENCY_UNKNOWN : this.headAt_ms - this.attemptStarted_ms;
  }

  /** Takes leave of the current attempt, if there is one. */
  protected endAttempt(latency_ms: number): void {
    this.continueTimer?.stop();
    this.retryTimer?.stop();
    const { stream } = this;
    if (stream === null) return;
    this.stream = null;
    stream.abort();
    this.noteAttempt(latency_ms, 'abandoned');
  }

  protected noteAttempt(latency_ms: number, outcome: AttemptResult['outcome'], now_ms = this.now_ms): void {
    this.target.balancer.release(this.nodeIndex, latency_ms, now_ms);
    this.recordAttempt(outcome, now_ms);
    if (this.parts !== null) this.parts.end(this.nodeIndex, this.resultOf(outcome, now_ms));
  }

  private resultOf(outcome: AttemptResult['outcome'], now_ms: number): AttemptResult {
    const { exchange } = this;
    return {
      outcome,
      status: exchange.upstreamHead === null ? 0 : exchange.upstreamStatus,
      code: this.codeOf(outcome),
      elapsed_ms: now_ms - this.attemptStarted_ms,
    };
  }

  private codeOf(outcome: AttemptResult['outcome']): ErrorCode | '' {
    return outcome === 'failed' && this.fault !== null ? FAULT_CODES[this.fault] : '';
  }

  private recordAttempt(outcome: AttemptResult['outcome'], now_ms: number): void {
    const { exchange } = this;
    const node = this.target.nodes[this.nodeIndex];
    exchange.addAttempt({
      address: node?.endpoint ?? '',
      host: node?.host ?? '',
      status: exchange.upstreamHead === null ? 0 : exchange.upstreamStatus,
      elapsed_ms: now_ms - this.attemptStarted_ms,
      outcome,
      code: this.codeOf(outcome),
    });
  }

  onResponseFault(fault: ResponseFault): void {
    const { stream, exchange, upstream } = this;
    if (stream === null) return;
    this.stream = null;
    this.fault = fault;
    if (this.exchange.isHeadSent) {
      this.noteHealth(fault);
      this.noteAttempt(LATENCY_FAILED, 'failed');
      this.giveUp(FAULT_CODES[fault]);
      return;
    }
    const failed: FailedAttempt = {
      fault,
      isIdempotent: isIdempotent(exchange.sentMethod),
      wasConnected: stream.isConnected,
      wasReused: stream.isReused,
      hasReceived: stream.hasReceived,
      canReplay: this.canReplay,
      freshAttempts: this.freshAttempts,
      attempts: this.attempts,
      retries: this.target.retries,
      elapsed_ms: exchange.elapsed_ms,
      retryTimeout_ms: upstream.retryTimeout_ms,
    };
    const decision = decideRetry(failed);
    // The attempt in place of one on a stale connection has the same pick, which is released once.
    if (decision === 'fresh') this.recordAttempt('failed', this.now_ms);
    else if (fault === 'exhausted') this.noteAttempt(LATENCY_UNKNOWN, 'abandoned');
    else {
      this.noteHealth(fault);
      this.noteAttempt(LATENCY_FAILED, 'failed');
    }
    if (decision === 'fresh') {
      this.freshAttempts++;
      this.repeat(true);
    } else if (decision === 'next' && this.isInBudget(failed)) this.retry(failed);
    else this.giveUp(FAULT_CODES[fault]);
  }

  private noteHealth(fault: ResponseFault): void {
    // Which certificate a node shows may depend on the name that the client chose: it says nothing about the node.
    const isTls = fault === 'handshake' || fault === 'certificate';
    const isClientsName = this.upstream.passHost === 'pass' && this.exchange.newHost === null;
    if (!isTls || !isClientsName) this.target.health?.noteFault(this.nodeIndex, fault);
  }

  private isInBudget(failed: FailedAttempt): boolean {
    if (!costsBudget(failed)) return true;
    const { balancer, budget } = this.target;
    return budget.take(balancer.picks, this.now_ms);
  }

  /** Goes on at another node, now or after a while. */
  private retry(failed: FailedAttempt): void {
    const { exchange, upstream } = this;
    const { fault } = failed;
    const { plane } = exchange;
    this.leaveOut();
    const delay_ms = retryDelay(failed, plane.options.backoff, plane.random());
    if (delay_ms < 1) {
      this.retryNow(fault);
      return;
    }
    const { retryTimeout_ms } = upstream;
    // To wait for an attempt that would come too late helps nobody.
    if (retryTimeout_ms > 0 && exchange.elapsed_ms + delay_ms >= retryTimeout_ms) {
      this.giveUp(FAULT_CODES[fault]);
      return;
    }
    if (!this.isRequestComplete) exchange.downstream.pauseBody();
    this.retryTimer = plane.startTimer(delay_ms, () => {
      this.retryTimer = null;
      if (retryTimeout_ms > 0 && exchange.elapsed_ms >= retryTimeout_ms) this.giveUp(FAULT_CODES[fault]);
      else this.retryNow(fault);
    });
  }

  private retryNow(fault: ResponseFault): void {
    if (!this.choose()) {
      this.giveUp(FAULT_CODES[fault]);
      return;
    }
    this.target.budget.noteRepeated();
    this.attempts++;
    this.freshAttempts = 0;
    this.repeat(false);
  }

  private repeat(isFresh: boolean): void {
    const body = this.copy?.bytes() ?? Buffer.alloc(0);
    this.exchange.upstreamHead = null;
    this.attempt(body, 0, body.length, isFresh);
    if (this.stream !== null) this.exchange.downstream.resumeBody();
  }

  /** Ends the exchange with an error: as an answer if none has begun, else by cutting it off visibly. */
  protected giveUp(code: ErrorCode): void {
    this.continueTimer?.stop();
    const { exchange } = this;
    if (!this.exchange.isHeadSent) {
      exchange.upstreamHead = null;
      replyError(exchange, code);
      return;
    }
    exchange.errorCode = code;
    exchange.downstream.abort(true);
    exchange.finish();
  }

  // The response.

  onUpstreamWritable(): void {
    this.exchange.downstream.resumeBody();
  }

  onResponseInterim(status: number, head: string): void {
    const { exchange } = this;
    if (status === 100) this.sendContinue();
    else if (status === 103 && exchange.plane.options.forwardsEarlyHints && exchange.minorVersion === 1) {
      exchange.downstream.respondInterim(interimText(new Head(head)));
    }
  }

  onResponseHead(status: number, text: string): 'coding' | 'codingWithTrailers' | 'data' {
    this.headAt_ms = this.now_ms;
    this.continueTimer?.stop();
    this.target.health?.noteStatus(this.nodeIndex, status);
    this.parts?.answered(this.nodeIndex, status, this.latency_ms);
    if (this.exchange.asked !== null) this.exchange.asked.isHttp2 = this.stream?.isMultiplexed === true;
    this.relay = new ResponseRelay(this.exchange, status, text, this.stream?.framing ?? 'none');
    return this.relay.begin();
  }

  onResponseStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    const passed = this.relay?.start(bytes, start, end, isComplete) ?? 'failed';
    // Complete with its head: the time of that is the time of the end.
    this.afterPiece(passed, isComplete, this.headAt_ms);
  }

  onResponseBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    const passed = this.relay?.pass(bytes, start, end, isComplete) ?? 'failed';
    this.afterPiece(passed, isComplete, -1);
  }

  private afterPiece(passed: Passed, isComplete: boolean, at_ms: number): void {
    if (passed === 'failed') {
      this.endAttempt(this.latency_ms);
      breakOff(this.exchange);
    } else if (isComplete) this.complete(at_ms < 0 ? this.now_ms : at_ms);
    else if (this.relay?.isReplaced === true) {
      this.endAttempt(this.latency_ms);
      this.exchange.downstream.end();
      this.exchange.finish();
    } else if (passed === 'behind') this.stream?.pause();
  }

  private complete(now_ms: number): void {
    const { exchange, relay, stream } = this;
    const trailers = stream === null || relay === null ? '' : relay.trailersOf(stream);
    this.stream = null;
    this.noteAttempt(this.latency_ms, 'answered', now_ms);
    exchange.downstream.end(trailers);
    exchange.finish(now_ms);
  }
}
