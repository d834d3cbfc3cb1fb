import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runClient } from './client-run.ts';
import { type Comparison, compareRequests, compareResponse } from './comparison.ts';
import { bytesOf, type CorpusMessage, notationOf, parseCorpus, readCorpus } from './corpus.ts';
import { judgeResponse } from './node-client.ts';
import { NodeServer } from './node-server.ts';
import { runServer } from './server-run.ts';

const REQUESTS = readCorpus('requests');
const RESPONSES = readCorpus('responses');

describe('the corpus', () => {
  it('has the size that it is said to have, and no message twice', () => {
    assert.ok(REQUESTS.length >= 400, `${REQUESTS.length} requests`);
    assert.ok(RESPONSES.length >= 100, `${RESPONSES.length} responses`);
    for (const messages of [REQUESTS, RESPONSES]) {
      const texts = messages.map(({ bytes, method, limits }) =>
        JSON.stringify([bytes.toString('latin1'), method, limits]),
      );
      assert.deepEqual(
        texts.filter((text, index) => texts.indexOf(text) !== index),
        [],
      );
    }
  });

  it('is refused where it leaves its notation', () => {
    assert.deepEqual(bytesOf('a\\r\\n\\x00\\xff«bc×3»\\\\').toString('latin1'), 'a\r\n\0\xffbcbcbc\\');
    assert.equal(notationOf(Buffer.from('a\r\n\0\xff\\', 'latin1')), 'a\\r\\n\\x00\\xff\\\\');
    assert.throws(() => parseCorpus('== x\n=> GET /\n| \\q\n', 'f'), /\\q is no escape/);
    assert.throws(() => parseCorpus('== x\n| GET\n', 'f'), /lacks its events/);
    assert.throws(() => parseCorpus('== x\nGET\n', 'f'), /f:2: "GET" is in no notation/);
    assert.throws(() => parseCorpus('=> GET /\n', 'f'), /f:1: a message begins/);
    assert.throws(() => parseCorpus('== x\nlimits: lines=1\n', 'f'), /"lines=1" is no limit/);
  });
});

describe('every message of the corpus is read as it says', () => {
  for (const answerTime of ['prompt', 'late', 'mixed'] as const) {
    it(`on the server side, with answers that come ${answerTime}`, () => {
      for (const { name, bytes, limits, expected } of REQUESTS) {
        const { events, problems } = runServer(bytes, [], limits, answerTime);
        assert.deepEqual({ name, events, problems }, { name, events: expected, problems: [] });
      }
    });
  }

  it('on the client side', () => {
    for (const { name, bytes, limits, method, expected } of RESPONSES) {
      const run = runClient(bytes, [], { limits, method, runs: 'coding' });
      assert.deepEqual({ name, events: run.events, problems: run.problems }, { name, events: expected, problems: [] });
    }
  });
});

describe('where we accept what Node.js refuses, the corpus says why; nothing is read differently', () => {
  /** @returns how many of each there are */
  function check(found: readonly (readonly [CorpusMessage, Comparison])[]): Record<Comparison, number> {
    const counts: Record<Comparison, number> = { same: 0, refuse: 0, accept: 0, differ: 0 };
    for (const [{ name, why }, comparison] of found) {
      counts[comparison]++;
      assert.notEqual(comparison, 'differ', `"${name}": both accept it, and read different things`);
      assert.equal(why !== '', comparison === 'accept', `"${name}": ${comparison}, and its why is "${why}"`);
    }
    return counts;
  }

  it('in requests', async (t) => {
    const server = new NodeServer();
    const found: (readonly [CorpusMessage, Comparison])[] = [];
    for (const message of REQUESTS) {
      const run = runServer(message.bytes, [], message.limits, 'prompt');
      found.push([message, compareRequests(run, await server.judge(message.bytes))]);
    }
    t.diagnostic(`${REQUESTS.length} requests: ${JSON.stringify(check(found))}`);
  });

  it('in responses', async (t) => {
    const found: (readonly [CorpusMessage, Comparison])[] = [];
    for (const message of RESPONSES) {
      const run = runClient(message.bytes, [], { limits: message.limits, method: message.method, runs: 'coding' });
      found.push([message, compareResponse(run, await judgeResponse(message.bytes, message.method))]);
    }
    t.diagnostic(`${RESPONSES.length} responses: ${JSON.stringify(check(found))}`);
  });
});
