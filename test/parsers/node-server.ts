/** What Node.js's own server, with its strict parser, makes of the bytes that a client sends. */
import http from 'node:http';
import { Duplex } from 'node:stream';

export interface NodeRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [string, string])[];
  body: string;
  isComplete: boolean;
}

export interface NodeVerdict {
  /** In their order; only the last one can be incomplete. */
  readonly requests: readonly NodeRequest[];
  /** Code of the error that the connection ended with, '' if with none. */
  readonly error: string;
}

/** A connection without a kernel: documented as good enough for an http.Server ('connection' event). */
class Wire extends Duplex {
  readonly requests: NodeRequest[] = [];
  error = '';

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, callback: () => void): void {
    callback();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class NodeServer {
  private readonly server: http.Server;

  constructor() {
    // Node.js itself answers 400 to a request without Host; other limits are set out of the way.
    this.server = http.createServer({
      insecureHTTPParser: false,
      maxHeaderSize: 131_072,
      keepAliveTimeout: 0,
      requestTimeout: 0,
    });
    const seen = (request: http.IncomingMessage): NodeRequest => {
      const raw = request.rawHeaders;
      const fields = Array.from(
        { length: raw.length / 2 },
        (_, k) => [raw[2 * k] ?? '', raw[2 * k + 1] ?? ''] as const,
      );
      const record = { method: request.method ?? '', target: request.url ?? '', fields, body: '', isComplete: false };
      (request.socket as unknown as Wire).requests.push(record);
      return record;
    };
    const serve = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      const record = seen(request);
      request.setEncoding('latin1');
      request.on('error', () => {});
      request.on('data', (text: string) => (record.body += text));
      request.on('end', () => {
        record.isComplete = request.complete;
        response.end();
      });
    };
    this.server.on('request', serve);
    this.server.on('checkContinue', serve);
    this.server.on('checkExpectation', serve);
    this.server.on('connect', (request, socket) => {
      seen(request).isComplete = true;
      socket.destroy();
    });
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // Not destroyed here: what was parsed before the error is handed out in later turns.
      (socket as unknown as Wire).error = error.code ?? error.message;
    });
  }

  async judge(bytes: Buffer): Promise<NodeVerdict> {
    const wire = new Wire();
    wire.on('error', () => {});
    this.server.emit('connection', wire);
    wire.push(Buffer.from(bytes));
    // Answers are written in later turns, and only after them is the next pipelined request announced.
    let before = -1;
    for (let quiet = 0; quiet < 3; quiet = before === wire.requests.length ? quiet + 1 : 0) {
      before = wire.requests.length;
      await turn();
    }
    if (!wire.destroyed) wire.push(null);
    await turn();
    await turn();
    wire.destroy();
    return { requests: wire.requests, error: wire.error };
  }
}
