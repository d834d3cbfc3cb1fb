/**
 * The static upstream, a process of its own: `node bench/upstream.ts` prints its port as one line of JSON. It answers
 * after the whole request has been read, never closes a connection, and spends about what nginx's `return` spends.
 */
import net from 'node:net';
import { answerTo, type Answer } from './answers.ts';
import { Echo, switchText } from './echo.ts';

const HEAD_END = '\r\n\r\n';
const SMALL_ENOUGH_FOR_TEXT = 4096;

/** A head and its body as one message; a short one as text, which is the cheapest to write. */
function message({ head, body }: Answer): string | Buffer {
  const text = head + HEAD_END + body;
  return text.length <= SMALL_ENOUGH_FOR_TEXT ? text : Buffer.from(text, 'latin1');
}

const messages = new Map<Answer, string | Buffer>();

/** The ready-made message for the request head at the start of `text`. */
function messageFor(text: string): string | Buffer {
  const start = text.indexOf(' ') + 1;
  const answer = answerTo(text.slice(start, text.indexOf(' ', start)));
  let found = messages.get(answer);
  if (found === undefined) messages.set(answer, (found = message(answer)));
  return found;
}

/** The state of one connection: an incomplete head, or what is still to come of a body. */
class Connection {
  private pending = '';
  private bodyLeft = 0;
  private answer: string | Buffer = '';
  /** Once it speaks WebSocket. */
  private echo: Echo | null = null;
  private readonly socket: net.Socket;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
  }

  read(chunk: Buffer, length: number): void {
    if (this.echo !== null) {
      this.socket.write(this.echo.take(chunk.subarray(0, length)));
      return;
    }
    let text = this.pending + chunk.toString('latin1', 0, length);
    this.pending = '';
    while (text !== '') {
      if (this.bodyLeft === 0) {
        const end = text.indexOf(HEAD_END);
        if (end < 0) {
          this.pending = text;
          return;
        }
        const head = text.slice(0, end);
        // Only what the load generator sends is understood; anything else must show as a failed round.
        if (/\r\ntransfer-encoding:/i.test(head)) {
          this.socket.end('HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
          return;
        }
        const key = /\r\nsec-websocket-key: *(\S+)/i.exec(head)?.[1];
        if (key !== undefined) {
          this.echo = new Echo();
          this.socket.write(switchText(key));
          return;
        }
        this.answer = messageFor(head);
        this.bodyLeft = head.startsWith('G') ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
        text = text.slice(end + HEAD_END.length);
      }
      const taken = Math.min(this.bodyLeft, text.length);
      this.bodyLeft -= taken;
      text = text.slice(taken);
      if (this.bodyLeft === 0) this.send();
    }
  }

  private send(): void {
    if (typeof this.answer === 'string') this.socket.write(this.answer, 'latin1');
    else this.socket.write(this.answer);
  }
}

interface ListeningHandle {
  onconnection?: (status: number, handle: unknown) => void;
}

/**
 * Gives all connections one read buffer, which saves a third of the cost. The handle is private to Node.js; where it
 * looks different, the connections that `server` emits are used, which is slower and otherwise the same.
 */
function shareReadBuffer(server: net.Server): void {
  const listening = (server as unknown as { _handle?: ListeningHandle })._handle;
  if (typeof listening?.onconnection !== 'function') {
    server.on('connection', (socket) => {
      const connection = new Connection(socket);
      socket.on('data', (chunk: Buffer) => connection.read(chunk, chunk.length));
    });
    return;
  }
  const buffer = Buffer.allocUnsafeSlow(65_536);
  listening.onconnection = (status, handle) => {
    if (status !== 0) return;
    const options = {
      handle,
      onread: {
        buffer,
        callback(length: number): boolean {
          connection.read(buffer, length);
          return true;
        },
      },
    };
    const socket = new net.Socket(options as unknown as net.SocketConstructorOpts);
    const connection = new Connection(socket);
    socket.read(0);
  };
}

const server = net.createServer();
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  shareReadBuffer(server);
  console.log(JSON.stringify({ port: (server.address() as net.AddressInfo).port }));
});
