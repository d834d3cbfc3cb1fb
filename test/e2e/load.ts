/** Clients that ask one request after the other on connections of their own, and an exact account of what they got. */
import type http from 'node:http';
import { newAgent, REFUSED } from '../client/speaking.ts';
import { ask, type Answer } from './client.ts';
import { eventually } from './waiting.ts';

/** In HTTP/2 so many clients share a connection. */
const STREAMS = 8;

/** Requests that are answered while a test is patient. */
const SOME = 200;

export interface Account {
  /** By status. */
  readonly answered: Readonly<Record<number, number>>;
  /** Requests that got no whole answer, with the reason. */
  readonly failed: readonly string[];
}

export class Load implements AsyncDisposable {
  private readonly port: number;
  private readonly agent: http.Agent;
  private readonly clients: Promise<void>[];
  private readonly answered: Record<number, number> = {};
  private readonly failed: string[] = [];
  /** By client. */
  private readonly underWay = new Map<number, Promise<Answer>>();
  private isOver = false;
  /** The first answers that were not 200: when, the statuses of the attempts, and what they said. */
  readonly refusals: string[] = [];
  /** When each answer that was not 200 came, by `performance.now()`. */
  readonly refused: { readonly at_ms: number; readonly status: number }[] = [];
  /** Bodies of the latest answers, to see who gave them. */
  private latest: string[] = [];
  count = 0;
  /** Streams that the gateway refused without a look, as it leaves: each was asked again (RFC 9113 §6.8, §8.7). */
  refusedStreams = 0;

  /** Starts so many clients. */
  constructor(port: number, clients: number) {
    this.port = port;
    this.agent = newAgent({ keepAlive: true, maxSockets: clients, streams: STREAMS });
    this.clients = Array.from({ length: clients }, (_, index) => this.client(index));
  }

  /** Resolves once so many more requests were answered. Of a slow machine it asks no more than that some are. */
  async more(requests: number): Promise<void> {
    const enough = this.count + requests;
    while (this.count < enough) {
      const next = Math.min(this.count + SOME, enough);
      await eventually(
        () => this.count >= next,
        () => `${this.count} of ${enough} requests are over`,
      );
    }
  }

  /** Resolves once the requests that are under way now are over. */
  async turnover(): Promise<void> {
    await Promise.allSettled(this.underWay.values());
  }

  /** Resolves once an answer has this body, however many follow. */
  async sees(pattern: RegExp): Promise<void> {
    this.latest = [];
    await eventually(
      () => this.latest.some((body) => pattern.test(body)),
      () => `no answer is ${pattern}`,
    );
  }

  /** Lets requests under way end, sends no more, and gives the account. */
  async stop(): Promise<Account> {
    this.isOver = true;
    await Promise.all(this.clients);
    this.agent.destroy();
    return { answered: this.answered, failed: this.failed };
  }

  /** Ends it where a test did not come to its stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true;
    this.agent.destroy();
    await Promise.all(this.clients);
  }

  private async client(index: number): Promise<void> {
    while (!this.isOver) {
      try {
        const answer = ask(this.port, { path: `/${this.count}`, agent: this.agent });
        this.underWay.set(index, answer);
        this.note(await answer);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === REFUSED) {
          this.refusedStreams++;
          continue;
        }
        this.failed.push((error as Error).message);
      }
      this.count++;
    }
  }

  private note({ status, headers, body }: Answer): void {
    if (status !== 200) this.refused.push({ at_ms: performance.now(), status });
    if (status !== 200 && this.refusals.length < 20) {
      const attempts = headers.find(([name]) => name.toLowerCase() === 'x-apisix-upstream-status')?.[1] ?? 'none';
      this.refusals.push(`${new Date().toISOString()} ${status}, attempts ${attempts}: ${body.toString()}`);
    }
    this.answered[status] = (this.answered[status] ?? 0) + 1;
    // The newest: what a test waits for may take long to come.
    if (this.latest.length >= 10_000) this.latest.splice(0, 5_000);
    this.latest.push(body.toString());
  }
}
