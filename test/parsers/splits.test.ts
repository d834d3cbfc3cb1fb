import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runClient } from './client-run.ts';
import { notationOf, readCorpus } from './corpus.ts';
import { everyByte, randomCuts, singleCuts } from './cuts.ts';
import { seededRandom } from '../fuzz/random.ts';
import { clientOutcome, serverOutcome } from './outcome.ts';
import { ANSWER_TIMES, runServer } from './server-run.ts';

const SEED = 20_260_801;

function* cutsOf(bytes: Buffer, random: () => number): Generator<readonly number[]> {
  yield* singleCuts(bytes.length);
  yield everyByte(bytes.length);
  for (let k = 0; k < 10; k++) yield randomCuts(bytes.length, random);
}

function place(name: string, bytes: Buffer, cuts: readonly number[]): string {
  const pieces = [0, ...cuts].map((from, k) => notationOf(bytes.subarray(from, cuts[k])));
  return `"${name}" (seed ${SEED}) cut into ${cuts.length > 20 ? 'single bytes' : pieces.join(' ‖ ')}`;
}

describe('a cut message has the outcome of the whole one', () => {
  for (const answerTime of ANSWER_TIMES) {
    it(`on the server side, with answers that come ${answerTime}`, () => {
      const random = seededRandom(SEED);
      for (const { name, bytes, limits, expected } of readCorpus('requests')) {
        // Only where something follows a request does it matter that its answer comes late.
        if (expected.length === 1 && (answerTime === 'late' || answerTime === 'mixed')) continue;
        const whole = serverOutcome(runServer(bytes, [], limits, answerTime));
        for (const cuts of cutsOf(bytes, random)) {
          const cut = serverOutcome(runServer(bytes, cuts, limits, answerTime));
          if (cut !== whole) assert.equal(cut, whole, place(name, bytes, cuts));
        }
      }
    });
  }

  for (const runs of ['coding', 'codingWithTrailers', 'data'] as const) {
    it(`on the client side, with bodies handed out as ${runs}`, () => {
      const random = seededRandom(SEED);
      for (const { name, bytes, limits, method } of readCorpus('responses')) {
        const options = { limits, method, runs };
        const whole = clientOutcome(runClient(bytes, [], options));
        for (const cuts of cutsOf(bytes, random)) {
          const cut = clientOutcome(runClient(bytes, cuts, options));
          if (cut !== whole) assert.equal(cut, whole, place(name, bytes, cuts));
        }
      }
    });
  }
});
