/** A scripted upstream node: takes connections, real or in memory, and does with each request what its script says. */
import type net from 'node:net';
import { STATUS_CODES } from 'node:http';
import type { VirtualClock } from './virtual-clock.ts';
import { headersOf, type Message, MessageReader } from './message-reader.ts';
import { AnswerQueue, type Answers, isList, type NodeScript, type SeenRequest, type Unused } from './node-script.ts';
import type { ScriptedAnswer } from './answer.ts';

export interface NodeSurroundings {
  readonly clock: Pick<VirtualClock, 'elapsed_ms' | 'startTimer'>;
  /** A request came whole. */
  readonly onSeen: (request: SeenRequest, socket: net.Socket) => void;
  /** A script is wrong, or has nothing for a request. */
  readonly onFault: (error: unknown) => void;
}

export class ScriptedNode {
  readonly name: string;
  readonly surroundings: NodeSurroundings;
  private readonly answers: AnswerQueue;
  private readonly probes: AnswerQueue | null;
  private readonly connections = new Set<ScriptedConnection>();

  constructor(name: string, script: NodeScript, surroundings: NodeSurroundings) {
    this.name = name;
    this.surroundings = surroundings;
    const place = `upstreams[${JSON.stringify(name)}]`;
    const { answers, probe, within } = partsOf(script);
    this.answers = new AnswerQueue(answers, place, within);
    this.probes = probe === undefined ? null : new AnswerQueue(probe, place, '.probe');
  }

  connecting(isProbe: boolean): ScriptedAnswer['connect'] {
    return this.queueOf(isProbe).connecting(isProbe && this.probes === null);
  }

  accept(socket: net.Socket, isProbe: boolean): void {
    const connection = new ScriptedConnection(this, socket, isProbe);
    this.connections.add(connection);
    socket.on('close', () => this.connections.delete(connection));
  }

  take(request: SeenRequest): ScriptedAnswer | Promise<ScriptedAnswer> {
    const queue = this.queueOf(request.isProbe);
    return queue.take(queue === this.probes ? { ...request, isProbe: false } : request);
  }

  /** The answer to a request of which only the head is there; null if it has to wait for the rest. */
  early(request: SeenRequest): ScriptedAnswer | null {
    return this.queueOf(request.isProbe).early(request);
  }

  /** To be called after each answer: a node that is about to be gone keeps nobody waiting for it. */
  settleDown(): void {
    if (this.answers.isGone) for (const connection of this.connections) connection.endIfIdle();
  }

  /** What of the script nobody called. */
  unused(): Unused[] {
    return [...this.answers.unused(), ...(this.probes?.unused() ?? [])];
  }

  private queueOf(isProbe: boolean): AnswerQueue {
    return (isProbe ? this.probes : null) ?? this.answers;
  }
}

function partsOf(script: NodeScript): { readonly answers: Answers; readonly probe?: Answers; readonly within: string } {
  if (typeof script !== 'object' || isList(script)) return { answers: script, within: '' };
  if ('answers' in script) return { ...script, within: '.answers' };
  if (!('probe' in script)) return { answers: script, within: '' };
  const { probe, ...answer } = script;
  return { answers: answer, ...(probe !== undefined && { probe }), within: '' };
}

class ScriptedConnection {
  private readonly node: ScriptedNode;
  private readonly socket: net.Socket;
  private readonly isProbe: boolean;
  private readonly reader: MessageReader;
  /** The answer under way was begun before its request was complete. */
  private isEarly = false;
  private isBusy = false;

  constructor(node: ScriptedNode, socket: net.Socket, isProbe: boolean) {
    this.node = node;
    this.socket = socket;
    this.isProbe = isProbe;
    this.reader = new MessageReader(
      { onHead: (message) => this.onHead(message), onMessage: (message) => this.onMessage(message) },
      null,
    );
    socket.on('data', (bytes: Buffer) => {
      try {
        this.reader.take(bytes);
      } catch (error) {
        node.surroundings.onFault(error);
        socket.destroy();
      }
    });
    // Whoever gives a request up resets its connection: that is no fault of the node.
    socket.on('error', () => {});
    socket.on('end', () => {
      if (!this.isBusy) socket.destroy();
    });
  }

  endIfIdle(): void {
    if (!this.isBusy) this.socket.end();
  }

  private onHead(message: Message): void {
    this.isBusy = true;
    this.isEarly = false;
    const request = this.seen(message);
    if (request.headers['expect'] === '100-continue') this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    const early = this.node.early(request);
    if (early === null) return;
    this.isEarly = true;
    this.note(request);
    void this.play(early, request);
  }

  private onMessage(message: Message): void {
    if (this.isEarly) return;
    const request = this.seen(message);
    this.note(request);
    const answer = this.take(request);
    if (answer !== null) void this.play(answer, request);
  }

  private note(request: SeenRequest): void {
    this.node.surroundings.onSeen(request, this.socket);
  }

  private take(request: SeenRequest): ScriptedAnswer | Promise<ScriptedAnswer> | null {
    try {
      return this.node.take(request);
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  private fail(error: unknown): void {
    this.node.surroundings.onFault(error);
    this.socket.resetAndDestroy();
  }

  private seen({ startLine, fields, body }: Message): SeenRequest {
    const [method = '', target = ''] = startLine.split(' ');
    return {
      node: this.node.name,
      method,
      target,
      headers: headersOf(fields),
      rawHeaders: fields,
      body,
      text: body.toString(),
      at_ms: this.node.surroundings.clock.elapsed_ms,
      isProbe: this.isProbe,
    };
  }

  private async play(coming: ScriptedAnswer | Promise<ScriptedAnswer>, request: SeenRequest): Promise<void> {
    const { socket } = this;
    try {
      const answer = await coming;
      const { source, delay_ms } = answer;
      if (delay_ms > 0) await this.pass(delay_ms);
      for (const status of source.interim ?? [])
        socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n\r\n`);
      if (source.fault !== undefined && source.after_bytes === undefined) return this.fault(source.fault);
      await this.write(answer, request);
    } catch (error) {
      this.fail(error);
    }
  }

  private async write(answer: ScriptedAnswer, request: SeenRequest): Promise<void> {
    const { socket } = this;
    const { source, body, isChunked } = answer;
    const isBodiless = request.method === 'HEAD' || source.status === 204 || source.status === 304;
    let text = source.raw === undefined ? headText(answer) : '';
    let left = source.after_bytes ?? Infinity;
    for (const { bytes, after_ms } of isBodiless ? [] : body) {
      if (after_ms > 0) {
        if (text !== '') socket.write(text, 'latin1');
        text = '';
        await this.pass(after_ms);
      }
      if (left <= 0) break;
      const piece = bytes.subarray(0, left);
      left -= piece.length;
      // The frame says what was meant to come: a piece that is cut off is seen to be.
      const before = isChunked ? `${text}${bytes.length.toString(16)}\r\n` : text;
      const after = isChunked && piece.length === bytes.length ? '\r\n' : '';
      socket.write(Buffer.concat([Buffer.from(before, 'latin1'), piece, Buffer.from(after)]));
      text = '';
    }
    if (text !== '') socket.write(text, 'latin1');
    if (source.fault !== undefined) return this.fault(source.fault);
    if (isChunked && !isBodiless) socket.write('0\r\n\r\n');
    this.isBusy = false;
    if (source.close === true || source.raw !== undefined) socket.end();
    this.node.settleDown();
  }

  private fault(fault: NonNullable<ScriptedAnswer['source']['fault']>): void {
    if (fault === 'reset') this.socket.resetAndDestroy();
    else if (fault === 'close') this.socket.destroy();
    this.isBusy = fault === 'silent';
    this.node.settleDown();
  }

  private pass(delay_ms: number): Promise<void> {
    return new Promise((resolve) => void this.node.surroundings.clock.startTimer(delay_ms, resolve));
  }
}

function headText({ source, body, isChunked, type }: ScriptedAnswer): string {
  const { status = 200, headers = {}, close = false } = source;
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    for (const each of typeof value === 'object' ? value : [value]) text += `${name}: ${each}\r\n`;
  }
  if (type !== '' && !names.has('content-type')) text += `Content-Type: ${type}\r\n`;
  if (close && !names.has('connection')) text += 'Connection: close\r\n';
  if (names.has('content-length') || names.has('transfer-encoding') || status === 204) return `${text}\r\n`;
  const length = body.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return `${text}${isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`;
}
