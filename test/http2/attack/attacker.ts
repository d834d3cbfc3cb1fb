/**
 * The attacking process: `node attacker.ts NAME PORT RATE` makes so many connections a second until it is ended. With a COUNT behind it, that
 * many, each when the one before has ended or was served as far as it goes; then the process ends.
 */
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import * as h2 from '../../../src/http2/protocol.ts';
import { frame } from '../frame-client.ts';
import { ATTACKS } from './attacks.ts';

export const ATTACKER = fileURLToPath(import.meta.url);

/** How long one connection of an attack lives at most. */
const HOLD_MS = 3_000;

function attack(name: string, port: number, rate: number): void {
  const kind = ATTACKS[name];
  if (kind === undefined) throw new RangeError(`there is no attack '${name}'`);
  const bytes = Buffer.concat([Buffer.from(h2.PREFACE), frame(h2.SETTINGS, 0, 0), kind.bytes()]);
  let made = 0;
  const begin = performance.now();
  // By the time that has passed: a busy machine delays timers, and the rate has to hold.
  setInterval(() => {
    for (; made < ((performance.now() - begin) * rate) / 1_000; made++) one(bytes, port, kind);
  }, 5);
}

/** A PING behind everything: its answer says that everything was looked at. */
const LAST = Buffer.from('the last');

async function inTurn(name: string, port: number, count: number): Promise<void> {
  const kind = ATTACKS[name];
  if (kind === undefined) throw new RangeError(`there is no attack '${name}'`);
  const ping = frame(h2.PING, 0, 0, LAST);
  const bytes = Buffer.concat([Buffer.from(h2.PREFACE), frame(h2.SETTINGS, 0, 0), kind.bytes(), ping]);
  for (let i = 0; i < count; i++) await untilServed(bytes, port);
}

function untilServed(bytes: Buffer, port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    let seen = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), HOLD_MS);
    socket.on('error', () => undefined);
    socket.on('data', (more: Buffer) => {
      seen = Buffer.concat([seen.subarray(-LAST.length), more]);
      if (seen.includes(LAST)) socket.destroy();
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.on('end', () => socket.destroy());
    socket.write(bytes);
  });
}

function one(bytes: Buffer, port: number, { drip, isDeaf = false }: (typeof ATTACKS)[string]): void {
  const socket = net.connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  if (isDeaf) socket.pause();
  else socket.resume();
  socket.write(bytes);
  const dripping = drip === undefined ? undefined : setInterval(() => socket.write(drip.bytes), drip.every_ms);
  const end = setTimeout(() => socket.destroy(), HOLD_MS);
  socket.on('close', () => {
    clearInterval(dripping);
    clearTimeout(end);
  });
}

if (process.argv[1] === ATTACKER) {
  const [name = '', port, rate, count] = process.argv.slice(2);
  if (count === undefined) attack(name, Number(port), Number(rate));
  else await inTurn(name, Number(port), Number(count));
}
