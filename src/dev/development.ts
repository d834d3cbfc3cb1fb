/**
 * A gateway while somebody works on its configuration and its plugins: a changed configuration is applied, changed code is
 * loaded by a thread that takes the place of the one before. What is broken never replaces what works.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { canSharePorts } from '../threads/ports.ts';
import type { ExchangeRecord, ListeningAddress } from '../embed/contract.ts';
import type { Problem } from '../model/problem.ts';
import { FileWatch } from './file-watch.ts';
import type { DevData, FromDev, ToDev } from './messages.ts';

/** What is told on the way. */
export interface DevelopmentEvents {
  listening(addresses: readonly ListeningAddress[], leftOut: readonly string[]): void;
  /** @param took_ms from the moment at which the change was seen */
  applied(what: 'configuration' | 'code', took_ms: number): void;
  /** @param hasOther whether something that was right before still serves */
  broken(problems: readonly Problem[], hasOther: boolean): void;
  failed(message: string, hasOther: boolean): void;
  exchange(record: ExchangeRecord): void;
  log(line: string): void;
}

export interface DevelopmentOptions {
  readonly path: string;
  readonly env: DevData['env'];
  readonly events: DevelopmentEvents;
  readonly now_ms: () => number;
}

/** A thread with a gateway. */
interface Generation {
  readonly thread: Worker;
  readonly gone: Promise<void>;
  leftOut: readonly string[];
  /** When it began to. */
  listening_ms: number;
}

type Listening = Extract<FromDev, { readonly type: 'listening' }>;

const LEAST_LIFE_MS = 1_000;

export class Development {
  private readonly options: DevelopmentOptions;
  private readonly watch: FileWatch;
  private readonly configuration = new Set<string>();
  /** Serves. */
  private current: Generation | null = null;
  /** Has loaded the gateway's code, for the next change of people's. */
  private spare: Worker | null = null;
  /** Is to take its place. */
  private next: Generation | null = null;
  private addresses: readonly ListeningAddress[] = [];
  private found: DevData['found'] = null;
  private canShare = true;
  private changed_ms = 0;
  private isStopping = false;

  constructor(options: DevelopmentOptions) {
    this.options = options;
    this.watch = new FileWatch((files) => this.onChange(files));
  }

  async start(): Promise<void> {
    await this.watch.add([this.options.path]);
    this.configuration.add(this.options.path);
    this.canShare = await canSharePorts();
    this.begin();
  }

  /** Lets running exchanges end. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.watch.close();
    const { current, next, spare } = this;
    void next?.thread.terminate();
    void spare?.terminate();
    if (current !== null) this.send(current.thread, { type: 'stop' });
    await Promise.all([current?.gone, next?.gone]);
  }

  private onChange(files: readonly string[]): void {
    this.changed_ms = this.options.now_ms();
    const isConfiguration = files.every((file) => this.configuration.has(file));
    const { current } = this;
    // Who is being prepared has read what was there before.
    if (isConfiguration && current !== null && this.next === null) this.send(current.thread, { type: 'reload' });
    else this.begin();
  }

  /** A thread with what is there now. One that is being prepared is given up: it would bring what has changed since. */
  private begin(): void {
    const { path, env } = this.options;
    if (this.isStopping) return;
    void this.next?.thread.terminate();
    const thread = this.spare ?? spawn();
    this.spare = null;
    this.send(thread, { type: 'begin', data: { path, env: { ...env }, found: this.found, reusePort: this.canShare } });
    const gone = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    const made: Generation = { thread, gone, leftOut: [], listening_ms: 0 };
    this.next = made;
    thread.on('message', (message: FromDev) => void this.take(made, message));
    thread.on('error', (error: Error) =>
      this.options.events.failed(error.stack ?? error.message, this.isServing(made)),
    );
    thread.once('exit', () => this.forget(made));
  }

  private async take(from: Generation, message: FromDev): Promise<void> {
    const { events, now_ms } = this.options;
    switch (message.type) {
      case 'sources':
        for (const file of message.configuration) this.configuration.add(file);
        for (const file of message.code) this.configuration.delete(file);
        return this.watch.add([...message.configuration, ...message.code]);
      case 'prepared':
        from.leftOut = message.leftOut;
        return this.letListen(from);
      case 'listening':
        return this.onListening(from, message);
      case 'applied':
        return events.applied('configuration', now_ms() - this.changed_ms);
      case 'outdated':
        return this.begin();
      case 'problems':
        events.broken(message.problems, this.isServing(from));
        return this.giveUp(from);
      case 'failed':
        events.failed(message.message, this.isServing(from));
        return this.giveUp(from);
      case 'exchange':
        return events.exchange(message.record);
      case 'log':
        return events.log(message.line);
      case 'stopped':
    }
  }

  /** Whether anything serves once this one has failed. */
  private isServing(failed: Generation): boolean {
    return this.current !== null && (this.current !== failed || this.next === null);
  }

  private giveUp(failed: Generation): void {
    if (failed !== this.next) return;
    this.next = null;
    void failed.thread.terminate();
  }

  private async letListen(next: Generation): Promise<void> {
    if (next !== this.next) return;
    const { current } = this;
    // Where ports cannot be shared, there is a moment without a listener.
    if (current !== null && !this.canShare) {
      this.send(current.thread, { type: 'stop' });
      await current.gone;
    }
    this.send(next.thread, { type: 'listen' });
  }

  private onListening(next: Generation, { addresses, found }: Listening): void {
    const { events, now_ms } = this.options;
    if (next !== this.next) return;
    const before = this.current;
    const isMoved = JSON.stringify(addresses) !== JSON.stringify(this.addresses);
    this.next = null;
    next.listening_ms = now_ms();
    this.current = next;
    this.addresses = addresses;
    this.found = found;
    if (before !== null && this.canShare) this.send(before.thread, { type: 'stop' });
    if (before === null || isMoved) events.listening(addresses, next.leftOut);
    if (before !== null) events.applied('code', now_ms() - this.changed_ms);
    this.spare ??= spawn();
  }

  private forget(gone: Generation): void {
    if (gone === this.next) this.next = null;
    if (gone !== this.current) return;
    this.current = null;
    // It ended by a fault that nobody caught. One that cannot even begin waits for a change.
    const lived_ms = this.options.now_ms() - gone.listening_ms;
    if (!this.isStopping && this.next === null && lived_ms > LEAST_LIFE_MS) this.begin();
  }

  private send(thread: Worker, message: ToDev): void {
    thread.postMessage(message);
  }
}

/** It waits for what it is to begin with. */
function spawn(): Worker {
  return new Worker(new URL(`./thread${extname(import.meta.url)}`, import.meta.url), { name: 'dev' });
}
