/**
 * Asks a gateway at a fixed rate, whether it answers or not, and measures how long each answer takes. A thread of its own: what
 * else the benchmark does must not delay it. Any message asks for what was measured since the last one.
 */
import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

export interface ProberData {
  readonly port: number;
  readonly path: string;
  readonly perSecond: number;
}

export interface Probed {
  /** One for each answer, in the order of their arrival. */
  readonly delays_ms: readonly number[];
  /** Answers that were not 200, connections that ended: each is a probe that failed. */
  readonly failed: readonly string[];
}

/** So many that a gateway that stands still for 100 ms still gets a thousand probes a second. */
const CONNECTIONS = 100;

const { port, path, perSecond } = workerData as ProberData;
const request = `GET ${path} HTTP/1.1\r\nHost: probe\r\n\r\n`;
let delays_ms: number[] = [];
let failed: string[] = [];
const idle: Probe[] = [];
/** When probes were due that found no connection. */
const waiting: number[] = [];

class Probe {
  private readonly socket: net.Socket;
  private sent_ms = 0;
  private received = '';
  private isLast = false;

  constructor() {
    this.socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('connect', () => this.next());
    this.socket.on('data', (text: string) => this.take(text));
    this.socket.on('error', (error) => failed.push(error.message));
    this.socket.on('close', () => this.replace());
  }

  /** A gateway may end a connection after some number of requests: it says so with the last answer. */
  private replace(): void {
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    if (!this.isLast) failed.push('a connection was closed');
    void new Probe();
  }

  ask(due_ms: number): void {
    this.sent_ms = due_ms;
    this.socket.write(request);
  }

  private take(text: string): void {
    this.received += text;
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.received)?.[1]);
    if (this.received.length < end + 4 + length) return;
    if (this.received.startsWith('HTTP/1.1 200 ')) delays_ms.push(performance.now() - this.sent_ms);
    else failed.push(this.received.slice(0, end));
    this.isLast = /\r\nconnection: *close\r\n/i.test(this.received.slice(0, end + 2));
    this.received = '';
    if (this.isLast) this.socket.end();
    else this.next();
  }

  private next(): void {
    const due_ms = waiting.shift();
    if (due_ms === undefined) idle.push(this);
    else this.ask(due_ms);
  }
}

for (let i = 0; i < CONNECTIONS; i++) void new Probe();
const began_ms = performance.now();
let due = 0;
setInterval(() => {
  const now_ms = performance.now();
  for (; due < ((now_ms - began_ms) / 1000) * perSecond; due++) {
    // The prober's own lateness is not the gateway's: the time counts from here on.
    const probe = idle.shift();
    if (probe === undefined) waiting.push(now_ms);
    else probe.ask(now_ms);
  }
}, 1);

parentPort?.on('message', () => {
  const probed: Probed = { delays_ms, failed };
  parentPort?.postMessage(probed);
  delays_ms = [];
  failed = [];
});
