/** What one round of fuzzing is fed: made from nothing but a seed and a number, so that a finding is named by these two. */
import { type CorpusMessage, DEFAULT_LIMITS, readCorpus } from '../parsers/corpus.ts';
import { generateRequests, generateResponse } from './generate.ts';
import { mutate } from './mutate.ts';
import { type Random, seededRandom } from './random.ts';

export interface Input extends Pick<CorpusMessage, 'bytes' | 'limits' | 'method'> {
  readonly kind: 'request' | 'response';
  /** For what a check chooses by chance: where to cut, when to answer. */
  readonly seed: number;
}

const LIMITS = [DEFAULT_LIMITS, { line: 64, head: 256, fields: 6, body: 0 }, { ...DEFAULT_LIMITS, body: 16 }];
/** Longer inputs find nothing more and take longer. */
const MOST_BYTES = 16_384;

export class Inputs {
  private readonly seed: number;
  private readonly requests = readCorpus('requests');
  private readonly responses = readCorpus('responses');

  constructor(seed: number) {
    this.seed = seed;
  }

  input(index: number): Input {
    const random = seededRandom(Math.imul(this.seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
    const isRequest = random() < 0.6;
    const seed = Math.floor(random() * 2 ** 31);
    const corpus = isRequest ? this.requests : this.responses;
    const made = random() < 0.4 ? this.generated(isRequest, random) : chosen(corpus, random);
    let bytes = made.bytes;
    const isKept = random() < 0.1;
    for (let k = 1 + Math.floor(random() * random() * 8); k > 0 && !isKept; k--)
      bytes = mutate(bytes, chosen(corpus, random).bytes, random);
    if (bytes.length > MOST_BYTES) bytes = bytes.subarray(0, MOST_BYTES);
    return { kind: isRequest ? 'request' : 'response', bytes, limits: made.limits, method: made.method, seed };
  }

  private generated(isRequest: boolean, random: Random): Pick<CorpusMessage, 'bytes' | 'limits' | 'method'> {
    const text = isRequest ? generateRequests(random) : generateResponse(random);
    const limits = random() < 0.8 ? DEFAULT_LIMITS : chosen(LIMITS, random);
    return { bytes: Buffer.from(text, 'latin1'), limits, method: random() < 0.15 ? 'HEAD' : 'GET' };
  }
}

function chosen<T>(from: readonly T[], random: Random): T {
  const one = from[Math.floor(random() * from.length)];
  if (one === undefined) throw new RangeError('there is nothing to choose from');
  return one;
}
