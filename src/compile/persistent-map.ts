/**
 * A map that never changes: an edit gives another one, which shares with the first all that the edit did not touch. A tree
 * of small maps, by the bits of a hash of the key; what two of them differ in is found without a look at what they share.
 */

/** Entries of one small map before it is split. */
const LEAF_SIZE = 32;
const BITS = 5;
const FAN = 1 << BITS;
/** Below it, maps grow instead: the hash has no more bits. */
const MOST_SHIFT = 30;

class Leaf<V> {
  readonly owner: object;
  readonly map: Map<string, V>;

  constructor(owner: object, map: Map<string, V>) {
    this.owner = owner;
    this.map = map;
  }
}

class Branch<V> {
  readonly owner: object;
  readonly children: Node<V>[];

  constructor(owner: object, children: Node<V>[]) {
    this.owner = owner;
    this.children = children;
  }
}

type Node<V> = Leaf<V> | Branch<V>;

/** FNV-1a. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

export class PersistentMap<V> {
  readonly size: number;
  private readonly root: Node<V>;

  private constructor(root: Node<V>, size: number) {
    this.root = root;
    this.size = size;
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(new Leaf({}, new Map()), 0);
  }

  get(key: string): V | undefined {
    let node = this.root;
    if (node instanceof Leaf) return node.map.get(key);
    const hash = hashOf(key);
    for (let shift = 0; node instanceof Branch; shift += BITS) node = childOf(node, (hash >>> shift) & (FAN - 1));
    return node.map.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  entries(): Generator<[string, V]> {
    return entriesOf(this.root);
  }

  *values(): Generator<V> {
    for (const [, value] of entriesOf(this.root)) yield value;
  }

  [Symbol.iterator](): Generator<[string, V]> {
    return this.entries();
  }

  /** The beginning of the next map. */
  edit(): MapEdit<V> {
    return new MapEdit(this.root, this.size, (root, size) =>
      root === this.root ? this : new PersistentMap(root, size),
    );
  }

  /** Keys with another value, or with a value in one of them alone, each once. Undefined stands for no value. */
  differences(other: PersistentMap<V>): Generator<Difference<V>> {
    return differencesOf(this.root, other.root);
  }
}

/** What is to be under a key; undefined for nothing. */
interface Edit<V> {
  readonly key: string;
  readonly hash: number;
  readonly value: V | undefined;
}

export type Difference<V> = [key: string, here: V | undefined, there: V | undefined];

/** One edit. To be used until `done`, and not after it. */
export class MapEdit<V> {
  private readonly owner = {};
  private readonly made: (root: Node<V>, size: number) => PersistentMap<V>;
  private root: Node<V>;
  size: number;

  constructor(root: Node<V>, size: number, made: (root: Node<V>, size: number) => PersistentMap<V>) {
    this.root = root;
    this.size = size;
    this.made = made;
  }

  get(key: string): V | undefined {
    const hash = hashOf(key);
    let node = this.root;
    for (let shift = 0; node instanceof Branch; shift += BITS) node = childOf(node, (hash >>> shift) & (FAN - 1));
    return node.map.get(key);
  }

  /** @param value undefined removes */
  set(key: string, value: V | undefined): void {
    this.root = this.changed(this.root, 0, { key, hash: hashOf(key), value });
  }

  /** The map that was edited itself, if nothing is different. */
  done(): PersistentMap<V> {
    return this.made(this.root, this.size);
  }

  /** @returns the same node where nothing changes */
  private changed(node: Node<V>, shift: number, edit: Edit<V>): Node<V> {
    const { key, hash, value } = edit;
    if (node instanceof Branch) {
      const at = (hash >>> shift) & (FAN - 1);
      const before = childOf(node, at);
      const after = this.changed(before, shift + BITS, edit);
      if (after === before) return node;
      const own = node.owner === this.owner ? node : new Branch(this.owner, node.children.slice());
      own.children[at] = after;
      return own;
    }
    if (node.map.get(key) === value) return node;
    const own = node.owner === this.owner ? node : new Leaf(this.owner, new Map(node.map));
    const { map } = own;
    const before = map.size;
    if (value === undefined) map.delete(key);
    else map.set(key, value);
    this.size += map.size - before;
    return map.size > LEAF_SIZE && shift < MOST_SHIFT ? this.split(map, shift) : own;
  }

  private split(map: Map<string, V>, shift: number): Branch<V> {
    const maps = Array.from({ length: FAN }, () => new Map<string, V>());
    for (const [key, value] of map) maps[(hashOf(key) >>> shift) & (FAN - 1)]?.set(key, value);
    const children = maps.map((one) => new Leaf(this.owner, one));
    return new Branch<V>(this.owner, children);
  }
}

function childOf<V>(branch: Branch<V>, at: number): Node<V> {
  const child = branch.children[at];
  if (child === undefined) throw new Error('a branch has all of its children');
  return child;
}

function* entriesOf<V>(node: Node<V>): Generator<[string, V]> {
  if (node instanceof Leaf) yield* node.map;
  else for (const child of node.children) yield* entriesOf(child);
}

/** Looks before it goes down: most of a map is shared, and a generator for each of its parts costs more than what differs. */
function* differencesOf<V>(a: Node<V>, b: Node<V>): Generator<Difference<V>> {
  if (a === b) return;
  if (a instanceof Branch && b instanceof Branch) {
    for (let at = 0; at < FAN; at++) {
      const [one, other] = [childOf(a, at), childOf(b, at)];
      if (one !== other) yield* differencesOf(one, other);
    }
    return;
  }
  const here = a instanceof Leaf ? a.map : new Map(entriesOf(a));
  const there = b instanceof Leaf ? b.map : new Map(entriesOf(b));
  for (const [key, value] of here) {
    const other = there.get(key);
    if (other !== value) yield [key, value, other];
  }
  for (const [key, value] of there) if (!here.has(key)) yield [key, undefined, value];
}
