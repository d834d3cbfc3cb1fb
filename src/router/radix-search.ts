/**
 * Looks texts up in a radix tree. A descent reads only the characters at which the tree branches; whether the others are
 * right is settled by one comparison of the whole text at the end, which costs less than comparing label by label.
 */
import type { RadixNode } from './radix-tree.ts';

export interface Terminal {
  /** What a text must equal, begin with, or (in a tree of reversed keys) end with. */
  readonly text: string;
}

/** What holds for texts that equal `text`, null if nothing does. */
export function findExact<V extends Terminal>(root: RadixNode<V>, text: string, isReversed: boolean): V | null {
  const { length } = text;
  const origin = isReversed ? length - 1 : 0;
  const step = isReversed ? -1 : 1;
  let node = root;
  while (node.depth < length) {
    const at = text.charCodeAt(origin + step * node.depth) - node.base;
    if (at < 0 || at >= node.kids.length) return null;
    const kid = node.kids[at];
    if (kid === null) return null;
    node = kid;
  }
  const found = node.exact;
  return found !== null && node.depth === length && found.text === text ? found : null;
}

/**
 * What holds for texts that begin as `text` does (end, if the keys are reversed), for the longest such part of at most
 * `longest` characters; null if nothing does.
 */
export function findLongest<V extends Terminal>(
  root: RadixNode<V>,
  text: string,
  longest: number,
  isReversed: boolean,
): V | null {
  const found = descend(root, text, longest, isReversed);
  if (found === null || holdsAtEdge(text, found.text, isReversed)) return found;
  // Of the characters that were skipped one differs. What is shorter and lies on the same way is right.
  return descend(root, text, lengthInCommon(text, found.text, isReversed), isReversed);
}

/**
 * `startsWith` or `endsWith`. A search that has one place to look costs a third of those where the text is a slice of another one,
 * as the path is of the request's head.
 */
function holdsAtEdge(text: string, part: string, isEnd: boolean): boolean {
  if (!isEnd) return text.lastIndexOf(part, 0) === 0;
  const at = text.length - part.length;
  return text.indexOf(part, at) === at;
}

function descend<V>(root: RadixNode<V>, text: string, limit: number, isReversed: boolean): V | null {
  const origin = isReversed ? text.length - 1 : 0;
  const step = isReversed ? -1 : 1;
  let node = root;
  let found: V | null = null;
  while (node.depth <= limit) {
    if (node.prefix !== null) found = node.prefix;
    if (node.depth === limit) break;
    const at = text.charCodeAt(origin + step * node.depth) - node.base;
    if (at < 0 || at >= node.kids.length) break;
    const kid = node.kids[at];
    if (kid === null) break;
    node = kid;
  }
  return found;
}

function lengthInCommon(a: string, b: string, isReversed: boolean): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const isSame = isReversed
      ? a.charCodeAt(a.length - 1 - i) === b.charCodeAt(b.length - 1 - i)
      : a.charCodeAt(i) === b.charCodeAt(i);
    if (!isSame) return i;
  }
  return length;
}
