/** A client that keeps all of an answer: interim responses, fields in their order, body, trailers. */
import http from 'node:http';
import { AGENT } from '../client/speaking.ts';
import { Readable } from 'node:stream';

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  readonly headers: readonly Field[];
  readonly body: Buffer;
  readonly trailers: readonly Field[];
  readonly interim: readonly { readonly status: number; readonly headers: readonly Field[] }[];
}

export type Field = readonly [name: string, value: string];

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Pieces are sent in chunks. */
  readonly body?: string | Buffer | readonly string[];
  readonly agent?: http.Agent;
  /** Withholds the body until the server says 100. */
  readonly expectsContinue?: boolean;
}

/** Rejects if the connection breaks before the answer is complete. */
export function ask(
  port: number,
  { method = 'GET', path, headers, body, agent = AGENT, expectsContinue }: Ask,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const interim: Answer['interim'][number][] = [];
    const request = http.request({
      host: '127.0.0.1',
      port,
      method,
      path,
      // The same for whatever is asked, so that what an application makes of it can be compared.
      headers: { Host: 'app.example', ...headers, ...(expectsContinue === true ? { expect: '100-continue' } : {}) },
      agent,
    });
    request.on('error', reject);
    request.on('continue', () => interim.push({ status: 100, headers: [] }));
    request.on('information', ({ statusCode, rawHeaders }) =>
      interim.push({ status: statusCode, headers: fields(rawHeaders) }),
    );
    request.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          version: response.httpVersion,
          headers: fields(response.rawHeaders),
          body: Buffer.concat(pieces),
          trailers: fields(response.rawTrailers),
          interim,
        });
      });
    });
    const send = (): void => {
      if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) request.end(body);
      else Readable.from(body).pipe(request);
    };
    if (expectsContinue === true) request.once('continue', send).flushHeaders();
    else send();
  });
}

function fields(raw: readonly string[]): Field[] {
  const pairs: Field[] = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return pairs;
}

/** What a gateway is free to change, or has to. */
const OF_THE_HOP: ReadonlySet<string> = new Set(['date', 'connection', 'keep-alive', 'server', 'via']);

/** The answer without what belongs to the hop. */
export function passedOn(answer: Answer): Answer {
  return { ...answer, headers: answer.headers.filter(([name]) => !OF_THE_HOP.has(name.toLowerCase())) };
}

/** Every value of a field, in their order. */
export function valuesOf(answer: Answer, name: string): string[] {
  return answer.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}
