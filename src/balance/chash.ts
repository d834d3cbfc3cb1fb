/**
 * Consistent hashing on a ring of 2³² positions. Each node has `POINTS_PER_NODE` points on it, which depend on nothing
 * but its identity. A key belongs to the node for which the distance clockwise from the key's position to the nearest
 * of its points, divided by its weight, is smallest (the linear method of Schindelhauer and Schomaker, "Weighted
 * distributed hash tables", SPAA 2005). With equal weights this is the next point clockwise, as in Ketama.
 *
 * Because each node competes with a value that depends on itself alone,
 * - a node that goes gives its keys to the others, and no other key moves; one that comes only takes keys;
 * - a weight that is raised only draws keys to its node, a lowered one only gives some away, whatever the others' weights
 *   are (rings that give a heavy node more points have to divide huge weights by something, and move keys when it changes);
 * - an excluded node's keys go where they would go if it were removed, and return when it returns.
 *
 * A node's share of the keys is its share of the weights with a relative standard deviation of about
 * 1/√POINTS_PER_NODE = 8 %. Finding the key's place on the ring takes constant time on average, the choice about
 * heaviest/mean weight steps from there.
 */
import type { PickQuery } from './balancer.ts';
import { avalanche, murmur3 } from './murmur3.ts';
import type { Tier, TierChooser } from './tier.ts';

/** The number that Ketama uses. More would cost memory (10 to 12 bytes each) and time at every edit of the nodes. */
export const POINTS_PER_NODE = 160;

/** Any fixed numbers: they are part of which node serves which key, so changing one moves all keys. */
const KEY_SEED = 0x6b657973;
const NODE_SEED = 0x6e6f6465;
const NODE_SEED_2 = 0x74776963;

/** The position of a hash key, as a signed integer; positions are compared as unsigned ones. */
export function keyPosition(hashKey: string): number {
  return murmur3(hashKey, KEY_SEED);
}

/** Puts the positions of a node's points into `positions`, beginning at `offset`. */
export function nodePoints(identity: string, positions: Uint32Array, offset: number): void {
  // 64 bits of hash: with 32, two among some thousand nodes would now and then share all of their points.
  const high = murmur3(identity, NODE_SEED);
  const low = murmur3(identity, NODE_SEED_2);
  for (let point = 0; point < POINTS_PER_NODE; point++) {
    // The step is 2³² divided by the golden ratio: successive multiples differ in many bits.
    positions[offset + point] = avalanche(avalanche(high + Math.imul(point, 0x9e3779b9)) ^ low);
  }
}

/** All points of some nodes, in order of position; equal positions in order of identity. */
interface Ring {
  readonly positions: Uint32Array;
  /** For each point, the place of its node among the sorted identities. */
  readonly owners: Uint32Array;
  /** Makes finding a position a look-up and two steps, where a binary search mispredicts every second branch. */
  readonly starts: Uint32Array;
}

type Points = Omit<Ring, 'starts'>;

function buildRing(identities: readonly string[]): Ring {
  const length = identities.length * POINTS_PER_NODE;
  const positions = new Uint32Array(length);
  const owners = new Uint32Array(length);
  for (const [owner, identity] of identities.entries()) {
    const offset = owner * POINTS_PER_NODE;
    nodePoints(identity, positions, offset);
    owners.fill(owner, offset, offset + POINTS_PER_NODE);
  }
  const sorted = sortByPosition({ positions, owners });
  return { ...sorted, starts: indexRing(sorted.positions) };
}

/** A radix sort of two passes of 16 bits. It is stable, so equal positions stay in order of identity. */
function sortByPosition(points: Points): Points {
  let from = points;
  for (const shift of [0, 16]) {
    const length = from.positions.length;
    const to: Points = { positions: new Uint32Array(length), owners: new Uint32Array(length) };
    const starts = new Uint32Array(0x10001);
    for (const position of from.positions) starts[((position >>> shift) & 0xffff) + 1]! += 1;
    for (let digit = 1; digit < starts.length; digit++) starts[digit]! += starts[digit - 1]!;
    for (let at = 0; at < length; at++) {
      const position = from.positions[at]!;
      const place = starts[(position >>> shift) & 0xffff]!++;
      to.positions[place] = position;
      to.owners[place] = from.owners[at]!;
    }
    from = to;
  }
  return from;
}

/** For each value of the upper bits of a position, where in the ring the positions begin that have it. */
function indexRing(positions: Uint32Array): Uint32Array {
  const bits = 31 - Math.clz32(positions.length);
  const starts = new Uint32Array(1 << bits);
  let at = 0;
  for (let upper = 0; upper < starts.length; upper++) {
    while (at < positions.length && positions[at]! >>> (32 - bits) < upper) at++;
    starts[upper] = at;
  }
  return starts;
}

export class ConsistentHash implements TierChooser {
  readonly #ring: Ring;
  /** In order of the ring's owners, not of the tier's slots: lists in any order give the same picks. */
  readonly #identities: readonly string[];
  readonly #indices: readonly number[];
  readonly #weights: readonly number[];
  readonly #heaviest: number;

  /** `previous` lends its ring if it has the same nodes, as after a change of weights. */
  constructor(tier: Tier, previous: TierChooser | undefined) {
    const slots = [...tier.identities.keys()];
    const identityOf = (slot: number): string => tier.identities[slot]!;
    slots.sort((a, b) => (identityOf(a) < identityOf(b) ? -1 : 1));
    this.#identities = slots.map(identityOf);
    this.#indices = slots.map((slot) => tier.indices[slot]!);
    this.#weights = slots.map((slot) => tier.weights[slot]!);
    this.#heaviest = this.#weights.reduce((most, weight) => Math.max(most, weight), 0);
    this.#ring =
      (previous instanceof ConsistentHash && previous.#ringOf(this.#identities)) || buildRing(this.#identities);
  }

  choose(query: PickQuery): number {
    const { positions, owners, starts } = this.#ring;
    const { excluded } = query;
    const position = keyPosition(query.hashKey) >>> 0;
    // The number of starts is a power of 2, from 256 up: a tier of one node never gets here.
    let at = starts[position >>> (Math.clz32(starts.length) + 1)]!;
    while (at < positions.length && positions[at]! < position) at++;
    if (at === positions.length) at = 0;
    let chosen = -1;
    let lowest = Infinity;
    let refusals = 0;
    for (let left = positions.length; left > 0; left--) {
      const distance = (positions[at]! - position) >>> 0;
      // Beyond this not even the heaviest node could win.
      if (distance >= lowest * this.#heaviest) break;
      const owner = owners[at]!;
      const score = distance / this.#weights[owner]!;
      if (score < lowest) {
        const index = this.#indices[owner]!;
        if (excluded === null || !excluded(index)) {
          lowest = score;
          chosen = index;
        } else if (++refusals === this.#indices.length && this.#indices.every(excluded)) {
          // Without this, a tier that is wholly excluded would be searched once around, point by point.
          return -1;
        }
      }
      if (++at === positions.length) at = 0;
    }
    return chosen;
  }

  turn(): number {
    return 0;
  }

  #ringOf(identities: readonly string[]): Ring | null {
    if (identities.length !== this.#identities.length) return null;
    return identities.every((identity, owner) => identity === this.#identities[owner]) ? this.#ring : null;
  }
}
