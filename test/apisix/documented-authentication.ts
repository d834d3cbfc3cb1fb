/** Examples of the documentation of authentication plugins: who asks for what, and what the documentation says comes of it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandClock, openLab } from '../plugins/lab.ts';
import type { Ask, Lab } from '../plugins/lab.ts';

interface Step {
  readonly asks: readonly [target: string, ask?: Ask];
  /** Of the answer; or how many of five equal requests have which status. */
  readonly gets: number | Readonly<Record<number, number>>;
  readonly body?: string;
  /** Fields that the upstream is sent, each with its value; undefined for those that it is not sent. */
  readonly told?: Readonly<Record<string, string | undefined>>;
  /** The target that the upstream is sent. */
  readonly url?: string;
}

export interface AuthExample {
  readonly name: string;
  readonly yaml: string;
  /** When it is, for what depends on it. */
  readonly at?: string;
  readonly steps: readonly Step[];
}

export const routeTo = (uri: string, plugins: object, more: object = {}): string =>
  `routes: [${JSON.stringify({ uri, plugins, upstream: { nodes: { $UPSTREAM: 1 } }, ...more })}]\n`;

export const consumers = (...objects: readonly object[]): string => `consumers: ${JSON.stringify(objects)}\n`;

const limited = (username: string, count: number) => ({
  username,
  plugins: { 'limit-count': { count, time_window: 30, rejected_code: 429, policy: 'local' } },
});

/** The example that every page ends with: a consumer with three requests, and the anonymous one with one. */
export function anonymousExample(
  plugin: string,
  username: string,
  credential: object,
  step: Step['asks'],
): AuthExample {
  const [target, ask] = step;
  return {
    name: `${plugin}: rate limit with an anonymous consumer`,
    yaml:
      consumers(limited(username, 3), limited('anonymous', 1), {
        id: `${username}/credentials/cred-${username}-${plugin}`,
        plugins: { [plugin]: credential },
      }) + routeTo(target, { [plugin]: { anonymous_consumer: 'anonymous' } }),
    at: '2024-10-21T17:31:20Z',
    steps: [
      { asks: [target, ask ?? {}], gets: { 200: 3, 429: 2 } },
      { asks: [target], gets: { 200: 1, 429: 4 } },
    ],
  };
}

export function followAuthentication(examples: readonly AuthExample[]): void {
  for (const { name, yaml, at, steps } of examples) {
    it(name, async (t) => {
      const lab = await openLab(t, yaml, at === undefined ? {} : { clock: new HandClock(at) });
      for (const step of steps) await follow(lab, step);
    });
  }
}

async function follow(lab: Lab, { asks, gets, body, told = {}, url }: Step): Promise<void> {
  const what = JSON.stringify(asks);
  if (typeof gets === 'object') {
    const counts: Record<number, number> = {};
    for (let i = 0; i < 5; i++) {
      const { status } = await lab.request(...asks);
      counts[status] = (counts[status] ?? 0) + 1;
    }
    assert.deepEqual(counts, gets, what);
    return;
  }
  const answer = await lab.request(...asks);
  assert.equal(answer.status, gets, `${what}: ${answer.text}`);
  if (body !== undefined) assert.equal(answer.text.trimEnd(), body, what);
  for (const [name, value] of Object.entries(told)) {
    const seen = lab.lastSeen.headers.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1];
    assert.equal(seen, value, `${what}: ${name}`);
  }
  if (url !== undefined) assert.equal(lab.lastSeen.url, url, what);
}
