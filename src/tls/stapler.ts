/**
 * Keeps a fresh answer of the responder for each certificate that is to be shown with one (RFC 6066 §8): one in a gateway,
 * so that workers need not ask. What cannot be had is asked for again, ever more seldom.
 */
import { issuedOf, type Issued, ocspRequest, readOcspAnswer, responderOf } from './ocsp.ts';

/** A certificate to be shown with a staple. */
export interface Stapled {
  /** Equal for equal wishes. */
  readonly key: string;
  /** Id of the SSL object, for the log. */
  readonly ssl: string;
  /** With the certificate of who issued it, PEM. */
  readonly chain: string;
  readonly verifies: boolean;
  /** How long an answer is used at most before it is asked for again. */
  readonly ttl_ms: number;
}

export interface Staple {
  readonly key: string;
  /** Null: none any more. */
  readonly bytes: Uint8Array | null;
  /** It is not shown any more after this time. */
  readonly until_ms: number;
}

export interface StaplerOptions {
  /** Wall clock. */
  readonly now_ms: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly startTimer: (delay_ms: number, onExpired: () => void) => { stop(): void };
  /** Asks a responder; rejects if there is no answer of status 200. */
  readonly ask: (url: string, request: Buffer) => Promise<Uint8Array>;
  readonly onStaples: (staples: readonly Staple[]) => void;
  /** For the log. Called once until there is a staple again. */
  readonly onFailed: (ssl: string, reason: string) => void;
  readonly onRecovered: (ssl: string) => void;
}

interface Entry {
  readonly wanted: Stapled;
  staple: Staple | null;
  failures: number;
  timer: { stop(): void } | null;
  isGone: boolean;
}

/** Questions at once. */
const MOST_QUESTIONS = 4;
const FIRST_RETRY_MS = 30_000;
const MOST_RETRY_MS = 3_600_000;
/** What says that there may be news at any time, and was not renewed, is shown for so many times its own time. */
const GRACE = 2;

export class Stapler {
  private readonly options: StaplerOptions;
  private readonly entries = new Map<string, Entry>();
  private readonly waiting: Entry[] = [];
  private running = 0;

  constructor(options: StaplerOptions) {
    this.options = options;
  }

  /** Certificates that have a staple, and that have none. */
  get counts(): { readonly valid: number; readonly missing: number } {
    const now_ms = this.options.now_ms();
    let valid = 0;
    for (const { staple } of this.entries.values()) if (staple !== null && staple.until_ms > now_ms) valid++;
    return { valid, missing: this.entries.size - valid };
  }

  /** The certificates from now on, all of them; those that were there before keep their staples. */
  update(wanted: readonly Stapled[]): void {
    const keys = new Set(wanted.map(({ key }) => key));
    const gone: Staple[] = [];
    for (const [key, entry] of this.entries) {
      if (keys.has(key)) continue;
      entry.isGone = true;
      entry.timer?.stop();
      this.entries.delete(key);
      gone.push({ key, bytes: null, until_ms: 0 });
    }
    if (gone.length > 0) this.options.onStaples(gone);
    for (const one of wanted) {
      if (this.entries.has(one.key)) continue;
      const entry: Entry = { wanted: one, staple: null, failures: 0, timer: null, isGone: false };
      this.entries.set(one.key, entry);
      this.queue(entry);
    }
  }

  /** For who comes later. */
  all(): Staple[] {
    return Array.from(this.entries.values()).flatMap(({ staple }) => (staple === null ? [] : [staple]));
  }

  close(): void {
    for (const entry of this.entries.values()) {
      entry.isGone = true;
      entry.timer?.stop();
    }
    this.entries.clear();
  }

  private queue(entry: Entry): void {
    this.waiting.push(entry);
    this.runNext();
  }

  private runNext(): void {
    while (this.running < MOST_QUESTIONS) {
      const entry = this.waiting.shift();
      if (entry === undefined) return;
      if (entry.isGone) continue;
      this.running++;
      void this.renew(entry).finally(() => {
        this.running--;
        this.runNext();
      });
    }
  }

  private async renew(entry: Entry): Promise<void> {
    const { wanted } = entry;
    const { now_ms, ask, onStaples, onRecovered } = this.options;
    try {
      const issued = issuedOf(wanted.chain);
      if (typeof issued === 'string') throw new Error(issued);
      const bytes = Buffer.from(await ask(addressOf(issued), ocspRequest(issued)));
      if (entry.isGone) return;
      const until_ms = this.judge(bytes, issued, entry);
      entry.staple = { key: wanted.key, bytes, until_ms };
      if (entry.failures > 0) onRecovered(wanted.ssl);
      entry.failures = 0;
      onStaples([entry.staple]);
      const left_ms = until_ms - now_ms();
      this.again(entry, Math.max(1_000, Math.min(wanted.ttl_ms, left_ms / 2)));
    } catch (error) {
      if (!entry.isGone) this.fail(entry, error instanceof Error ? error.message : String(error));
    }
  }

  /** @returns until when it may be shown */
  private judge(bytes: Buffer, issued: Issued, entry: Entry): number {
    const { verifies, ttl_ms } = entry.wanted;
    const now_ms = this.options.now_ms();
    const { status, nextUpdate_ms } = readOcspAnswer(bytes, issued, { now_ms, verifies });
    // Who is shown that a certificate was revoked learns no more than that it cannot connect: it is for the operator to act.
    if (status !== 'good') {
      this.drop(entry);
      throw new Error(`the responder says that the certificate is ${status}`);
    }
    return nextUpdate_ms ?? now_ms + ttl_ms * GRACE;
  }

  private drop(entry: Entry): void {
    if (entry.staple === null) return;
    entry.staple = null;
    this.options.onStaples([{ key: entry.wanted.key, bytes: null, until_ms: 0 }]);
  }

  private fail(entry: Entry, reason: string): void {
    const { random, onFailed } = this.options;
    if (entry.failures++ === 0) onFailed(entry.wanted.ssl, reason);
    const bound_ms = Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, entry.failures - 1));
    this.again(entry, bound_ms * (0.5 + random() / 2));
  }

  private again(entry: Entry, delay_ms: number): void {
    entry.timer = this.options.startTimer(delay_ms, () => {
      entry.timer = null;
      this.queue(entry);
    });
  }
}

function addressOf({ certificate }: Issued): string {
  const url = responderOf(certificate);
  if (url === null) throw new Error('the certificate names no responder');
  return url;
}
