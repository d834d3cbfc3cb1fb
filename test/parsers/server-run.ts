/** Feeds bytes to a ServerConnection, cut as asked, and tells what it made of them. */
import { TimerWheel } from '../../src/clock/timer-wheel.ts';
import type { RequestFault } from '../../src/http1/faults.ts';
import { KINDS, parsed } from '../../src/http1/fields.ts';
import { Head } from '../../src/http1/head.ts';
import { ServerConnection } from '../../src/http1/server-connection.ts';
import type { RequestHandler, RequestSink, ServerSettings } from '../../src/http1/server-settings.ts';
import { parseAuthority } from '../../src/proxy/authority.ts';
import { parseTarget } from '../../src/proxy/target.ts';
import { asksForTls } from '../../src/proxy/tls-rules.ts';
import { type CorpusLimits, notationOf } from './corpus.ts';
import { FakeSocket } from './fake-socket.ts';
import { decodeChunks } from './naive-chunks.ts';

/**
 * When requests are answered: `prompt`, within the call that completes them; `late`, after the client sent everything
 * and its end; `mixed`, the first one late and the others promptly; `early`, at the head, without waiting for the body.
 */
export type AnswerTime = (typeof ANSWER_TIMES)[number];

export const ANSWER_TIMES = ['prompt', 'late', 'mixed', 'early'] as const;

/** Of the parser, or of the listener's own rules. */
type Fault = RequestFault | 'misdirected';

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly head: string;
  /** Names and values in their order. */
  readonly fields: readonly (readonly [string, string])[];
  readonly framing: string;
  /** As handed on: with the chunked coding, if that was its framing. */
  coding: string;
  /** Decoded; only of complete requests. */
  body: string;
  /** Why no upstream would see it, or why it broke off; '' if neither. */
  fault: Fault | '';
  isComplete: boolean;
}

export interface ServerRun {
  readonly requests: readonly SeenRequest[];
  /** One line per request, or fault without a request, in the notation of the corpus. */
  readonly events: readonly string[];
  /** What the client got. */
  readonly written: string;
  /** What went wrong in the machinery itself; empty unless there is a bug. */
  readonly problems: readonly string[];
}

const NOTHING_DROPPED = new Uint8Array(KINDS);
const NO_BYTES = Buffer.alloc(0);
/** Far off: only tests of pace let time pass. */
export const TIMEOUTS = {
  head_ms: 1_000_000,
  body_ms: 1_000_000,
  idle_ms: 2_000_000,
  send_ms: 1_000_000,
  linger_ms: 1_000_000,
  linger_total_ms: 1_000_000,
};

export class Recorder implements RequestHandler {
  readonly requests: SeenRequest[] = [];
  readonly events: string[] = [];
  readonly problems: string[] = [];
  readonly answerTime: AnswerTime;
  pending: ServerConnection | null = null;
  isClosed = false;

  constructor(answerTime: AnswerTime) {
    this.answerTime = answerTime;
  }

  onRequest(connection: ServerConnection, text: string): RequestSink {
    const head = new Head(text);
    const request: SeenRequest = {
      method: text.slice(0, parsed.methodEnd),
      target: text.slice(parsed.targetStart, parsed.targetEnd),
      head: text,
      fields: Array.from({ length: head.count }, (_, index) => [head.name(index), head.value(index)] as const),
      framing: `1.${parsed.minorVersion} length ${parsed.contentLength} chunked ${parsed.chunked} expects ${parsed.expectContinue}`,
      coding: '',
      body: '',
      fault: locate(head),
      isComplete: false,
    };
    const sink = new Sink(this, connection, request, parsed.chunked);
    this.requests.push(request);
    if (request.fault !== '') {
      this.events.push(`${startOf(request)} ! ${request.fault}`);
      connection.closeAfterAnswer();
      this.answer(connection);
      sink.isOver = true;
    } else if (this.answerTime === 'early') {
      this.events.push(startOf(request));
      connection.discardBody();
      this.answer(connection);
      sink.isOver = true;
    }
    return sink;
  }

  onBadRequest(connection: ServerConnection, fault: RequestFault): void {
    this.events.push(fault);
    connection.closeAfterAnswer();
    this.answer(connection);
  }

  onClosed(): void {
    if (this.isClosed) this.problems.push('onClosed came twice');
    this.isClosed = true;
  }

  onException(error: unknown): void {
    this.problems.push(`threw ${String(error)}`);
  }

  answer(connection: ServerConnection): void {
    this.pending = null;
    const response = {
      keepsStart: false,
      status: 200,
      reason: 'OK',
      fields: null,
      dropped: NOTHING_DROPPED,
      added: 'Content-Length: 0\r\n',
    };
    connection.respond(response, NO_BYTES, 0, 0);
    connection.end();
  }
}

/** One request's body, and its end. */
class Sink implements RequestSink {
  isOver = false;
  private isStarted = false;
  private readonly recorder: Recorder;
  private readonly connection: ServerConnection;
  private readonly request: SeenRequest;
  private readonly isChunked: boolean;

  constructor(recorder: Recorder, connection: ServerConnection, request: SeenRequest, isChunked: boolean) {
    this.recorder = recorder;
    this.connection = connection;
    this.request = request;
    this.isChunked = isChunked;
  }

  onRequestStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    if (this.isStarted) this.recorder.problems.push('onRequestStart came twice');
    this.isStarted = true;
    this.take(bytes, start, end, isComplete);
  }

  onRequestBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    if (!this.isStarted) this.recorder.problems.push('onRequestBody came before onRequestStart');
    this.take(bytes, start, end, isComplete);
  }

  private take(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    const { recorder, request, connection } = this;
    if (this.isOver) recorder.problems.push('the body went on after its end');
    request.coding += bytes.toString('latin1', start, end);
    if (!isComplete) return;
    this.isOver = request.isComplete = true;
    request.body = request.coding;
    if (this.isChunked) {
      const decoded = decodeChunks(request.coding);
      request.body = decoded.data;
      if (
        decoded.verdict !== 'complete' ||
        decoded.end !== request.coding.length ||
        decoded.coding !== request.coding
      ) {
        recorder.problems.push(
          `handed on a chunked body that is ${decoded.verdict}: ${notationOf(Buffer.from(request.coding, 'latin1'))}`,
        );
      }
    }
    recorder.events.push(
      startOf(request) + (request.body === '' ? '' : ` "${notationOf(Buffer.from(request.body, 'latin1'))}"`),
    );
    const { answerTime, requests } = recorder;
    if (answerTime === 'prompt' || (answerTime === 'mixed' && requests.length > 1)) recorder.answer(connection);
    else recorder.pending = connection;
  }

  onRequestFault(fault: RequestFault): void {
    const { recorder, request } = this;
    if (this.isOver) recorder.problems.push(`${fault} came after the end of the request`);
    this.isOver = true;
    request.fault = fault;
    if (this.isChunked && decodeChunks(request.coding).verdict === 'complete') {
      recorder.problems.push(`${fault}, but what was handed on of the body looks complete`);
    }
    recorder.events.push(`${startOf(request)} ! ${fault}`);
    recorder.answer(this.connection);
  }

  onClientGone(): void {}

  onClientWritable(): void {}
}

function startOf(request: SeenRequest): string {
  return `${request.method} ${notationOf(Buffer.from(request.target, 'latin1'))}`;
}

/** The rules about method, target and Host that the listener adds to the parser's. */
function locate(head: Head): Fault | '' {
  const method = head.text.slice(0, parsed.methodEnd);
  if (method === 'CONNECT' || method === 'TRACE') return 'method_not_implemented';
  const target = parseTarget(head.text.slice(parsed.targetStart, parsed.targetEnd), method, true);
  if (target === null) return 'bad_target';
  if (parsed.host >= 0 && parseAuthority(head.value(parsed.host)) === null) return 'bad_host';
  if (target.authority !== null && parseAuthority(target.authority) === null) return 'bad_target';
  return asksForTls(head.text.slice(parsed.targetStart, parsed.targetEnd)) ? 'misdirected' : '';
}

export function settingsOf(limits: CorpusLimits, wheel: TimerWheel, handler: RequestHandler): ServerSettings {
  const { line, head, fields, body } = limits;
  return {
    limits: { line_bytes: line, head_bytes: head, fields, body_bytes: body, pipelined_bytes: 65_536 },
    timeouts: TIMEOUTS,
    wheel,
    handler,
  };
}

/** @param cuts offsets at which the bytes are cut, ascending */
export function runServer(
  bytes: Buffer,
  cuts: readonly number[],
  limits: CorpusLimits,
  answerTime: AnswerTime,
): ServerRun {
  const recorder = new Recorder(answerTime);
  const wheel = new TimerWheel(50, (error) => recorder.problems.push(`a deadline threw ${String(error)}`));
  const settings = settingsOf(limits, wheel, recorder);
  const socket = new FakeSocket();
  const connection = new ServerConnection(socket.asSocket(), settings);
  // One buffer for all reads, overwritten after each: what is kept of it without a copy shows.
  const shared = Buffer.alloc(bytes.length);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    bytes.copy(shared, 0, from, to);
    connection.onBytes(shared, 0, to - from);
    shared.fill(0x2a);
    from = to;
  }
  connection.onPeerEnd();
  let answers = 0;
  while (recorder.pending !== null && answers++ < 100_000) {
    recorder.answer(recorder.pending);
    connection.resumeAhead();
  }
  const last = recorder.requests.at(-1);
  if (last !== undefined && !last.isComplete && last.fault === '' && answerTime !== 'early')
    recorder.problems.push('the last request hangs');
  if (!socket.hasEnded && !socket.isDestroyed) recorder.problems.push('the connection stays open after its end');
  connection.abort(false);
  if (wheel.size !== 0) recorder.problems.push('a deadline outlives its connection');
  if (!recorder.isClosed) recorder.problems.push('onClosed never came');
  return { requests: recorder.requests, events: recorder.events, written: socket.written, problems: recorder.problems };
}
