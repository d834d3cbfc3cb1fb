/** A gateway in a process of its own, whose memory holds nothing else. Arguments: the port of its upstream, and the read path. */
import { Lab } from './lab.ts';
import type { ReadPath } from '../../src/http1/sockets.ts';

const [, , port, readPath] = process.argv;
const lab = await Lab.open({ ports: [Number(port)] }, readPath as ReadPath);

let peak = 0;
const sample = (): number => (peak = Math.max(peak, process.memoryUsage.rss()));
setInterval(sample, 10);

process.on('message', (message) => {
  if (message === 'reset') {
    globalThis.gc?.();
    peak = 0;
  }
  process.send?.({ rss: sample(), current: process.memoryUsage.rss() });
});
process.on('disconnect', () => process.exit());
process.send?.({ port: lab.port });
