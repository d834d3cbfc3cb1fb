/**
 * Opens idle keep-alive connections, a process of its own: `node bench/idle.ts PORT PATH COUNT`. Each makes one request,
 * so that the gateway holds what it holds between two requests. Prints one line of JSON once all are open, then keeps
 * them until it is ended.
 */
import net from 'node:net';

const AT_ONCE = 64;
const [port, path, count] = [Number(process.argv[2]), process.argv[3] ?? '/', Number(process.argv[4])];
const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;

/** Resolves after a whole answer with a Content-Length arrived. */
function open(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(received)?.[1]);
      if (!received.startsWith('HTTP/1.1 200 ')) reject(new Error(`answered ${received.split('\r\n', 1).join('')}`));
      else if (received.length === end + 4 + length) resolve();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed an idle connection')));
    socket.once('connect', () => socket.write(request));
  });
}

let left = count;
async function openSome(): Promise<void> {
  while (left-- > 0) await open();
}

try {
  await Promise.all(Array.from({ length: AT_ONCE }, openSome));
  console.log(JSON.stringify({ open: count }));
} catch (error) {
  console.log(JSON.stringify({ open: 0, error: String(error) }));
  process.exit(1);
}
