/** The upstream behind who is attacked, in a process of its own: answers requests that are complete, `/large` with 100 KB. */
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { ok } from '../../traps/scripted-upstream.ts';

export const UPSTREAM = fileURLToPath(import.meta.url);

const SMALL = Buffer.from(ok('hello'));
const LARGE = Buffer.from(ok('x'.repeat(100_000)));

function serve(socket: net.Socket): void {
  let text = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end);
      // Attacks do not complete their bodies.
      if (!head.startsWith('GET ')) {
        socket.removeAllListeners('data').resume();
        return;
      }
      text = text.slice(end + 4);
      socket.write(head.startsWith('GET /large') ? LARGE : SMALL);
    }
  });
}

if (process.argv[1] === UPSTREAM) {
  const server = net.createServer({ noDelay: true }, serve);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () =>
    console.log((server.address() as net.AddressInfo).port),
  );
}
