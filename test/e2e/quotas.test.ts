/** What is told of limits for a consumer, as docs/limits.md shows it: four workers count, and another thread reads. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { load } from 'js-yaml';
import { ask } from './client.ts';
import { RunningGateway } from './gateway.ts';
import { NodeProcess } from './node-process.ts';

const PAGE = path.resolve(import.meta.dirname, '../../docs/limits.md');

/** The blocks of the section, as text. */
function blocks(language: string): string[] {
  const [, section = ''] = readFileSync(PAGE, 'utf8').split('## All limits of a consumer\n');
  return Array.from((section.split('\n## ')[0] ?? '').matchAll(/```(\w+)\n(.*?)```/gs))
    .filter(([, kind]) => kind === language)
    .map(([, , text = '']) => text);
}

/** A window of an hour has begun a moment ago. */
function withoutReset(text: string): unknown {
  return JSON.parse(text, (name, value: unknown) => {
    if (name !== 'reset_s' || value === null) return value;
    assert.ok(typeof value === 'number' && value > 3_500 && value <= 3_600, JSON.stringify(value));
    return 'soon';
  });
}

it('limits of a consumer are told to operators and to the consumer', async (t) => {
  const node = await NodeProcess.start();
  t.after(() => node[Symbol.asyncDispose]());
  const [text = ''] = blocks('yaml');
  const document = load(text.replaceAll('127.0.0.1:8080', `127.0.0.1:${node.port}`)) as object;
  await using gateway = await RunningGateway.start({ gateway: { workers: 4 }, ...document });
  const headers = { apikey: 'jacks-key' };
  for (let i = 0; i < 3; i++) {
    // A connection of its own for each: they go to several workers.
    assert.equal((await ask(gateway.port, { path: '/reports/', headers })).status, 200);
  }
  const [control = '', own = ''] = blocks('json');
  for (let i = 0; i < 2; i++) {
    const told = await ask(gateway.statusPort, { path: '/v1/quotas?consumer=jack' });
    assert.deepEqual(withoutReset(told.body.toString()), withoutReset(control));
    const answer = await ask(gateway.port, { path: '/quota', headers });
    assert.deepEqual(withoutReset(answer.body.toString()), withoutReset(own));
  }
  assert.equal((await ask(gateway.port, { path: '/quota' })).status, 401);
  assert.equal((await ask(gateway.statusPort, { path: '/v1/quotas?consumer=jill' })).status, 404);
});
