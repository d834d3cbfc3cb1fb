/**
 * A persistent radix tree: an edit copies the nodes on its way and shares the others, so that a tree in use never changes.
 * Each key has two places: for what equals it, and for what begins with it.
 */

export interface RadixNode<V> {
  /** What leads here from the parent. */
  readonly label: string;
  /** Length of the whole key up to here, the label included. */
  readonly depth: number;
  /** Code unit of the first entry of `kids`. */
  readonly base: number;
  /** By code unit: one array access finds the next node. */
  readonly kids: readonly (RadixNode<V> | null)[];
  /** For texts that equal the key up to here. */
  readonly exact: V | null;
  /** For texts that begin with the key up to here. */
  readonly prefix: V | null;
  /** Of the editor that made the node: it alone may change it. */
  readonly owner: object;
}

/** A place in the tree, and what is to be there. */
export interface RadixEdit<V> {
  readonly key: string;
  readonly isPrefix: boolean;
  /** What is to be in the place of `before`; null empties it. */
  change(before: V | null): V | null;
}

type Draft<V> = { -readonly [K in keyof RadixNode<V>]: RadixNode<V>[K] } & { kids: (RadixNode<V> | null)[] };

/** Shared by the nodes without kids, which are most: never written to. */
const NO_KIDS: never[] = [];

/** Makes one tree out of another by any number of edits. What it made itself it changes in place, until it is dropped. */
export class RadixEditor<V> {
  root: RadixNode<V> | null;
  private readonly owner: object;

  /** @param owner of what the editor makes; one for several editors, if they are all dropped together */
  constructor(root: RadixNode<V> | null, owner: object) {
    this.root = root;
    this.owner = owner;
  }

  apply(edit: RadixEdit<V>): void {
    this.root = this.root === null ? this.grow(0, edit) : this.edit(this.root, 0, edit);
  }

  /** @param start where the node's label begins in the key */
  private edit(node: RadixNode<V>, start: number, edit: RadixEdit<V>): RadixNode<V> | null {
    const { key, isPrefix } = edit;
    const { label, depth } = node;
    let same = 0;
    while (same < label.length && label.charCodeAt(same) === key.charCodeAt(start + same)) same++;
    if (same < label.length) return this.split(node, start + same, edit);
    if (key.length === depth) {
      const before = isPrefix ? node.prefix : node.exact;
      const after = edit.change(before);
      if (after === before) return node;
      const draft = this.draft(node);
      if (isPrefix) draft.prefix = after;
      else draft.exact = after;
      return after === null ? this.tidy(draft) : draft;
    }
    const code = key.charCodeAt(depth);
    const kid = node.kids[code - node.base] ?? null;
    const changed = kid === null ? this.grow(depth, edit) : this.edit(kid, depth, edit);
    if (changed === kid) return node;
    const draft = this.draft(node);
    setKid(draft, code, changed);
    return changed === null ? this.tidy(draft) : draft;
  }

  /** The key leaves the label where the whole key is `depth` long. */
  private split(node: RadixNode<V>, depth: number, edit: RadixEdit<V>): RadixNode<V> {
    const grown = this.grow(depth, edit);
    if (grown === null) return node;
    const at = node.label.length - (node.depth - depth);
    const lower = this.draft(node);
    const endsHere = grown.label === '';
    const upper = endsHere ? this.draft(grown) : this.node('', depth);
    upper.label = node.label.slice(0, at);
    lower.label = node.label.slice(at);
    setKid(upper, lower.label.charCodeAt(0), lower);
    if (!endsHere) setKid(upper, grown.label.charCodeAt(0), grown);
    return upper;
  }

  /** A node for the rest of the key from `start` on. */
  private grow(start: number, edit: RadixEdit<V>): RadixNode<V> | null {
    const value = edit.change(null);
    if (value === null) return null;
    const grown = this.node(edit.key.slice(start), edit.key.length);
    if (edit.isPrefix) grown.prefix = value;
    else grown.exact = value;
    return grown;
  }

  /** What an edit left empty goes, and what it left with one way on and nothing of its own joins it. */
  private tidy(node: Draft<V>): RadixNode<V> | null {
    while (node.kids.length > 0 && node.kids[node.kids.length - 1] === null) node.kids.pop();
    while (node.kids.length > 0 && node.kids[0] === null) {
      node.kids.shift();
      node.base++;
    }
    if (node.kids.length === 0) node.base = 0;
    if (node.exact !== null || node.prefix !== null || node.kids.length > 1) return node;
    const [only] = node.kids;
    if (only === undefined || only === null) return null;
    const joined = this.draft(only);
    joined.label = node.label + only.label;
    return joined;
  }

  private draft(node: RadixNode<V>): Draft<V> {
    if (node.owner === this.owner) return node as Draft<V>;
    const copy = this.node(node.label, node.depth);
    copy.base = node.base;
    if (node.kids.length > 0) copy.kids = node.kids.slice();
    copy.exact = node.exact;
    copy.prefix = node.prefix;
    return copy;
  }

  /** The one place that makes nodes: they all have one shape. */
  private node(label: string, depth: number): Draft<V> {
    return { label, depth, base: 0, kids: NO_KIDS, exact: null, prefix: null, owner: this.owner };
  }
}

function setKid<V>(node: Draft<V>, code: number, kid: RadixNode<V> | null): void {
  if (node.kids.length === 0) {
    node.base = code;
    node.kids = [kid];
    return;
  }
  const { kids } = node;
  for (; node.base > code; node.base--) kids.unshift(null);
  while (kids.length <= code - node.base) kids.push(null);
  kids[code - node.base] = kid;
}
