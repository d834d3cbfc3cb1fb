/** What came back for a plugin's HTTP request. */
import type http from 'node:http';
import { ClientError } from '../sdk/clients.ts';
import type { HttpAnswer, HttpHead } from '../sdk/clients.ts';
import { clientError } from './http-faults.ts';

/** What ends a reading that takes too long. */
interface Expiring {
  expireBy(onExpired: (fault: ClientError) => void): void;
  stop(): void;
}

export class AnswerHead implements HttpHead {
  readonly status: number;
  readonly #headers: http.IncomingHttpHeaders;
  readonly #raw: readonly string[];

  constructor({ statusCode = 0, headers, rawHeaders }: http.IncomingMessage) {
    this.status = statusCode;
    this.#headers = headers;
    this.#raw = rawHeaders;
  }

  header(name: string): string | undefined {
    const value = this.#headers[name.toLowerCase()];
    return typeof value === 'string' ? value : value?.[0];
  }

  headerEntries(): [string, string][] {
    const entries: [string, string][] = [];
    for (let i = 0; i < this.#raw.length; i += 2) entries.push([this.#raw[i] ?? '', this.#raw[i + 1] ?? '']);
    return entries;
  }
}

export class WholeAnswer extends AnswerHead implements HttpAnswer {
  readonly body: Buffer;

  private constructor(message: http.IncomingMessage, body: Buffer) {
    super(message);
    this.body = body;
  }

  /** Rejects with a ClientError, with the connection closed. */
  static read(message: http.IncomingMessage, max_bytes: number, deadline: Expiring): Promise<WholeAnswer> {
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      let length = 0;
      deadline.expireBy((fault) => message.destroy(fault));
      message.on('data', (piece: Buffer) => {
        length += piece.length;
        pieces.push(piece);
        if (length > max_bytes)
          message.destroy(new ClientError('too_large', `the answer is longer than ${max_bytes} bytes`));
      });
      message.on('error', (error: Error) => reject(clientError(error, null)));
      message.on('end', () => resolve(new WholeAnswer(message, Buffer.concat(pieces))));
    });
  }

  text(): string {
    return this.body.toString('utf8');
  }

  json(): unknown {
    return JSON.parse(this.text());
  }
}

/** The body piece by piece; each has its own deadline, the first from now on. To be read once. */
export function readStream(message: http.IncomingMessage, startDeadline: () => Expiring): AsyncIterable<Uint8Array> {
  const giveUp = (fault: ClientError): void => void message.destroy(fault);
  // Before anybody reads, there is nobody to be told.
  message.on('error', () => {});
  const first = startDeadline();
  first.expireBy(giveUp);
  return pieces(message, first, () => {
    const deadline = startDeadline();
    deadline.expireBy(giveUp);
    return deadline;
  });
}

async function* pieces(
  message: http.IncomingMessage,
  first: Expiring,
  next: () => Expiring,
): AsyncGenerator<Uint8Array> {
  const iterator = message[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  let deadline = first;
  try {
    for (;;) {
      const { done, value } = await iterator.next().finally(() => deadline.stop());
      if (done === true) return;
      yield value;
      deadline = next();
    }
  } catch (error) {
    throw clientError(error as Error, null);
  } finally {
    if (!message.complete) message.destroy();
  }
}
