/**
 * Looks paths up in a tree whose keys hold parameters: a `:` after a slash stands for a whole segment that is not empty.
 * Read from the left, the first difference between two matching patterns decides: a character is tried before a parameter, and
 * a parameter before the end of a prefix.
 */
import type { RadixNode } from './radix-tree.ts';

const SLASH = 47;
const COLON = 58;

/** Asked about each place that matches, the best first. A result other than undefined ends the search. */
export interface PlaceVisitor<V, R> {
  visit(found: V, isPrefix: boolean): R | undefined;
}

export function searchParameters<V, R>(root: RadixNode<V>, path: string, visitor: PlaceVisitor<V, R>): R | undefined {
  return new Search(path, visitor).node(root, 0);
}

class Search<V, R> {
  private readonly path: string;
  private readonly visitor: PlaceVisitor<V, R>;

  constructor(path: string, visitor: PlaceVisitor<V, R>) {
    this.path = path;
    this.visitor = visitor;
  }

  /** @param start how far the path is matched where the node's label begins */
  node(node: RadixNode<V>, start: number): R | undefined {
    const { path } = this;
    const at = this.afterLabel(node.label, start);
    if (at < 0) return undefined;
    if (at === path.length && node.exact !== null) {
      const result = this.visitor.visit(node.exact, false);
      if (result !== undefined) return result;
    }
    const isSegmentStart = path.charCodeAt(at - 1) === SLASH;
    const code = path.charCodeAt(at);
    // The kid at ':' after a slash stands for a parameter; it must not be tried a second time as a character.
    const literal = isSegmentStart && code === COLON ? null : (node.kids[code - node.base] ?? null);
    const parameter = isSegmentStart ? (node.kids[COLON - node.base] ?? null) : null;
    for (const kid of [literal, parameter]) {
      const result = kid === null ? undefined : this.node(kid, at);
      if (result !== undefined) return result;
    }
    return node.prefix === null ? undefined : this.visitor.visit(node.prefix, true);
  }

  /** How far the path is matched after the label, -1 if it is not. */
  private afterLabel(label: string, start: number): number {
    const { path } = this;
    let at = start;
    for (let i = 0; i < label.length; i++) {
      const code = label.charCodeAt(i);
      if (code === COLON && path.charCodeAt(at - 1) === SLASH) {
        const slash = path.indexOf('/', at);
        const end = slash < 0 ? path.length : slash;
        if (end === at) return -1;
        at = end;
      } else if (path.charCodeAt(at) === code) at++;
      else return -1;
    }
    return at;
  }
}
