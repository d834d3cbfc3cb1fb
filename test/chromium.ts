/** A real browser, without a window, driven by the protocol of its developer tools. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import WebSocket from 'ws';
import { eventually } from './e2e/waiting.ts';

interface Answer {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** Not to be confused by what the machine lacks: no GPU, no shared memory, no user namespaces. */
const SWITCHES = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--remote-debugging-port=0',
];

export class Chromium {
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private session = '';
  private last = 0;

  /** Starts the program and opens an empty page. @param switches more of its command line */
  static async start(t: TestContext, program: string, switches: readonly string[] = []): Promise<Chromium> {
    const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-chromium-'));
    const child = spawn(program, [...SWITCHES, `--user-data-dir=${folder}`, ...switches, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    t.after(async () => {
      await ended(child);
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    });
    const chromium = new Chromium(await addressOf(child));
    t.after(() => chromium.socket.terminate());
    await chromium.attach();
    return chromium;
  }

  constructor(address: string) {
    this.socket = new WebSocket(address);
    this.socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as Answer;
      if (answer.id !== undefined) this.waiting.get(answer.id)?.(answer);
    });
  }

  private async attach(): Promise<void> {
    await new Promise((resolve, reject) => this.socket.once('open', resolve).once('error', reject));
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    this.session = String(sessionId);
    await this.send('Page.enable', {});
  }

  /** One command of the protocol. Rejects with what the browser says of it. */
  send(method: string, params: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result = {}, error }) => {
        this.waiting.delete(id);
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      this.socket.send(
        JSON.stringify({ id, method, params, ...(this.session === '' ? {} : { sessionId: this.session }) }),
      );
    });
  }

  /** Goes to an address, as if it were typed. */
  async visit(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
  }

  /** Value of an expression in the page; undefined while there is none to ask. */
  async ask(expression: string): Promise<unknown> {
    const { result } = await this.send('Runtime.evaluate', { expression, returnByValue: true });
    return (result as { readonly value?: unknown }).value;
  }

  /** Waits until an expression is true in the page, however many pages that takes. */
  async until(expression: string): Promise<void> {
    let page = '';
    await eventually(
      async () => {
        const isTrue = await this.ask(`document.readyState === 'complete' && !!(${expression})`).catch(() => false);
        if (isTrue !== true)
          page = String(await this.ask('location.href + " " + document.body?.innerText').catch(String));
        return isTrue === true;
      },
      () => `${expression} is not true at ${page.slice(0, 500)}`,
    );
  }
}

async function addressOf(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error('the browser says nothing');
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    const address = /DevTools listening on (ws:\/\/\S+)/.exec(line)?.[1];
    if (address !== undefined) {
      child.stderr.resume();
      return address;
    }
    said.push(line);
  }
  throw new Error(`the browser ended: ${said.join('\n')}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await gone;
}
