/** Feeds bytes to a ClientConnection that waits for a response, cut as asked, and tells what it made of them. */
import { TimerWheel } from '../../src/clock/timer-wheel.ts';
import { ClientConnection } from '../../src/http1/client-connection.ts';
import type { ConnectionOwner, ResponseFault, ResponseSink } from '../../src/http1/client-settings.ts';
import { plainDialer } from '../../src/http1/plain-dialer.ts';
import { Head } from '../../src/http1/head.ts';
import type { ChunkRuns } from '../../src/http1/chunked.ts';
import { type CorpusLimits, notationOf } from './corpus.ts';
import { decodeChunks } from './naive-chunks.ts';

export interface SeenResponse {
  readonly status: number;
  readonly head: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly framing: string;
  coding: string;
  body: string;
  trailers: string;
}

export interface ClientRun {
  /** `103`, `200 length "body" keep`, `200 chunked ! malformed`, `! reset`: in the notation of the corpus. */
  readonly events: readonly string[];
  /** The final response if its head was accepted. */
  readonly response: SeenResponse | null;
  readonly interim: readonly string[];
  readonly isComplete: boolean;
  readonly problems: readonly string[];
}

const TIMEOUTS = { connect_ms: 1e6, send_ms: 1e6, read_ms: 1e6 };

class Recorder implements ResponseSink, ConnectionOwner {
  readonly interim: string[] = [];
  readonly statuses: string[] = [];
  readonly problems: string[] = [];
  response: SeenResponse | null = null;
  fault: ResponseFault | '' = '';
  isComplete = false;
  isClosed = false;
  connection: ClientConnection | null = null;
  private isStarted = false;
  private readonly runs: ChunkRuns;

  constructor(runs: ChunkRuns) {
    this.runs = runs;
  }

  onResponseInterim(status: number, head: string): void {
    this.statuses.push(String(status));
    this.interim.push(head);
  }

  onResponseHead(status: number, text: string): ChunkRuns {
    if (this.response !== null) this.problems.push('onResponseHead came twice');
    const head = new Head(text);
    const fields = Array.from({ length: head.count }, (_, index) => [head.name(index), head.value(index)] as const);
    this.response = {
      status,
      head: text,
      fields,
      framing: this.connection?.framing ?? '',
      coding: '',
      body: '',
      trailers: '',
    };
    return this.runs;
  }

  onResponseStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    if (this.isStarted || this.response === null) this.problems.push('onResponseStart came out of turn');
    this.isStarted = true;
    this.take(bytes, start, end, isComplete);
  }

  onResponseBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    if (!this.isStarted) this.problems.push('onResponseBody came before onResponseStart');
    this.take(bytes, start, end, isComplete);
  }

  private take(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    const { response } = this;
    if (response === null) return;
    if (this.isComplete || this.fault !== '') this.problems.push('the body went on after its end');
    response.coding += bytes.toString('latin1', start, end);
    if (!isComplete) return;
    this.isComplete = true;
    response.body = response.coding;
    if (response.framing !== 'chunked' || this.runs === 'data') return;
    const decoded = decodeChunks(response.coding);
    response.body = decoded.data;
    response.trailers = decoded.trailers;
    const mayHaveTrailers = this.runs === 'codingWithTrailers';
    if (
      decoded.verdict !== 'complete' ||
      decoded.end !== response.coding.length ||
      (decoded.trailers !== '' && !mayHaveTrailers)
    ) {
      this.problems.push(`handed on a chunked body that is ${decoded.verdict}: ${response.coding}`);
    }
  }

  onUpstreamWritable(): void {}

  onResponseFault(fault: ResponseFault): void {
    if (this.isComplete || this.fault !== '') this.problems.push(`${fault} came after the end of the response`);
    this.fault = fault;
    const { response } = this;
    if (
      response?.framing === 'chunked' &&
      this.runs !== 'data' &&
      decodeChunks(response.coding).verdict === 'complete'
    ) {
      this.problems.push(`${fault}, but what was handed on of the body looks complete`);
    }
  }

  onReusable(): void {}

  onClosed(): void {
    if (this.isClosed) this.problems.push('onClosed came twice');
    this.isClosed = true;
  }

  onException(error: unknown): void {
    this.problems.push(`threw ${String(error)}`);
  }

  eventsOf(keeps: boolean): string[] {
    const { response, fault } = this;
    const start = response === null ? '' : `${response.status} ${response.framing} `;
    if (!this.isComplete) return [...this.statuses, `${start}! ${fault}`];
    const body =
      response === null || response.body === '' ? '' : `"${notationOf(Buffer.from(response.body, 'latin1'))}" `;
    return [...this.statuses, `${start}${body}${keeps ? 'keep' : 'close'}`];
  }
}

export interface ClientCase {
  readonly limits: CorpusLimits;
  /** Of the request. */
  readonly method: string;
  readonly runs: ChunkRuns;
}

/** @param cuts offsets at which the bytes are cut, ascending */
export function runClient(bytes: Buffer, cuts: readonly number[], options: ClientCase): ClientRun {
  const { limits, method, runs } = options;
  const recorder = new Recorder(runs);
  const wheel = new TimerWheel(50, (error) => recorder.problems.push(`a deadline threw ${String(error)}`));
  const headLimits = { line_bytes: limits.line, head_bytes: limits.head, fields: limits.fields };
  // The socket begins to connect in the next turn, and by then it is gone: nothing leaves the process.
  const connection = new ClientConnection(
    plainDialer('127.0.0.1', 9),
    { limits: headLimits, wheel },
    recorder,
    TIMEOUTS,
  );
  recorder.connection = connection;
  connection.isConnected = true;
  connection.begin(recorder, method === 'HEAD', TIMEOUTS);
  // Marks the request as sent without a byte: a connection that has something to write is not free.
  connection.write(bytes, 0, 0, true);
  const shared = Buffer.alloc(bytes.length);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    bytes.copy(shared, 0, from, to);
    if (!recorder.isClosed) connection.onBytes(shared, 0, to - from);
    shared.fill(0x2a);
    from = to;
  }
  const keeps = !recorder.isClosed && connection.isUsable;
  if (!recorder.isClosed) connection.onPeerEnd();
  if (!recorder.isClosed) recorder.problems.push('the connection stays open after its end');
  if (!recorder.isComplete && recorder.fault === '') recorder.problems.push('the response neither ends nor fails');
  connection.abort();
  if (wheel.size !== 0) recorder.problems.push('a deadline outlives its connection');
  const { response, interim, isComplete, problems } = recorder;
  return { events: recorder.eventsOf(keeps), response, interim, isComplete, problems };
}
