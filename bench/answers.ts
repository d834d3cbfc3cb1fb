/** The upstream's answers, by path; what a gateway passes on is compared with the same table. */

/** What a client has to get. */
export interface Expected {
  readonly status: number;
  readonly content: string;
}

export interface Answer {
  readonly head: string;
  /** As sent: with chunk framing where the answer is chunked. */
  readonly body: string;
  /** The body that a client gets to see. */
  readonly content: string;
}

const SMALL = JSON.stringify({
  id: 1042,
  name: 'a small answer',
  tags: ['one', 'two', 'three'],
  price: { amount: 12.5, currency: 'EUR' },
  stock: 17,
  note: 'one hundred fifty-five bytes!',
});

function lines(bytes: number): string {
  const line = 'The same line again and again, sixty-four bytes with its end ..\n';
  return line.repeat(bytes / line.length);
}

function sized(type: string, content: string): Answer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${content.length}`;
  return { head, body: content, content };
}

function chunked(chunk: string, count: number): Answer {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked';
  const body = `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(count) + '0\r\n\r\n';
  return { head, body, content: chunk.repeat(count) };
}

const small = sized('application/json', SMALL);
/** What key-auth says to a request without a key; the others are made to say the same. */
export const REFUSED: Expected = { status: 401, content: '{"message":"Missing API key in request"}\n' };

/** The small answer with its name changed. */
export const REWRITTEN: Expected = { status: 200, content: SMALL.replace('a small answer', 'a plain answer') };

const answers = new Map([
  ['/10k', sized('text/plain', lines(10 * 1024))],
  ['/1m', sized('text/plain', lines(1024 * 1024))],
  ['/chunked', chunked(lines(256), 4)],
]);

/** The answer for a request target: the small one where nothing else is declared. */
export function answerTo(path: string): Answer {
  return answers.get(path) ?? small;
}
