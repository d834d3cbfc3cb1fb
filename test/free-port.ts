/** Ports for servers that have to be told theirs, and for those that come back on the one that they had. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';

/** Below it are those of services that people know. */
const LOWEST = 10_000;
const HIGHEST = 65_535;
/** Each process looks first where others do not. */
const OWN = 16;

const searched = { ports: 0 };

/**
 * A port of 127.0.0.1 that nobody listens on now, nor soon: it is none of those that the kernel gives to whoever asks for any
 * (ip(7), ip_local_port_range), which other test files do all the time. What was taken from among them and closed again
 * would now and then be theirs by the time that it is needed.
 */
export async function freePort(): Promise<number> {
  const { from, size } = range();
  for (let tried = 0; tried < size; tried++) {
    const port = from + ((process.pid * OWN + searched.ports++) % size);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${from} to ${from + size - 1} is free`);
}

/** So many of them. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** The larger of the parts below and above the ports that the kernel gives away. */
function range(): { readonly from: number; readonly size: number } {
  const [low = LOWEST, high = HIGHEST] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')
    .trim()
    .split(/\s+/)
    .map(Number);
  const [below, above] = [low - LOWEST, HIGHEST - high];
  if (Math.max(below, above) < 1_000)
    throw new Error(`the kernel gives away the ports from ${low} to ${high}: too many`);
  return below > above ? { from: LOWEST, size: below } : { from: high + 1, size: above };
}

async function isFree(port: number): Promise<boolean> {
  // On every address: who listens on one of them is in the way of whoever wants all.
  const server = net.createServer().listen(port, '0.0.0.0');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
