/** What Node.js's own client, with its strict parser, makes of the bytes that a server sends. */
import http from 'node:http';
import { Duplex } from 'node:stream';

export interface NodeResponse {
  /** Statuses of interim responses. */
  readonly interim: readonly number[];
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly isComplete: boolean;
  /** Code of the error that the request ended with, '' if with none. */
  readonly error: string;
}

/** The connection to a server that ignores what it is sent. */
class Wire extends Duplex {
  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, callback: () => void): void {
    callback();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function judgeResponse(bytes: Buffer, method: string): Promise<NodeResponse> {
  const wire = new Wire();
  const interim: number[] = [];
  let final: http.IncomingMessage | null = null;
  let body = '';
  let isComplete = false;
  let error = '';
  const note = (failure: NodeJS.ErrnoException): void => {
    error ||= failure.code ?? failure.message;
  };
  const request = http.request({
    method,
    host: '127.0.0.1',
    insecureHTTPParser: false,
    maxHeaderSize: 131_072,
    createConnection: () => wire,
  });
  request.on('information', ({ statusCode }) => interim.push(statusCode));
  request.on('error', note);
  request.on('response', (response) => {
    final = response;
    response.setEncoding('latin1');
    response.on('error', note);
    response.on('data', (text: string) => (body += text));
    response.on('end', () => (isComplete = response.complete));
  });
  request.end();
  await turn();
  wire.push(Buffer.from(bytes));
  await turn();
  await turn();
  if (!wire.destroyed) wire.push(null);
  await turn();
  await turn();
  request.destroy();
  wire.destroy();
  const { statusCode = 0, rawHeaders = [] } = (final ?? {}) as Partial<http.IncomingMessage>;
  const fields = Array.from(
    { length: rawHeaders.length / 2 },
    (_, k) => [rawHeaders[2 * k] ?? '', rawHeaders[2 * k + 1] ?? ''] as const,
  );
  return { interim, status: statusCode, fields, body, isComplete, error };
}
