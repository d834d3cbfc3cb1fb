/** Keys and values in turn, of which an exchange has one or two: a Map costs more than its few look-ups. */

export function valueOf(pairs: readonly unknown[] | null, key: unknown): unknown {
  if (pairs === null) return undefined;
  for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === key) return pairs[at + 1];
  return undefined;
}

export function setValue(pairs: unknown[], key: unknown, value: unknown): void {
  for (let at = 0; at < pairs.length; at += 2) {
    if (pairs[at] !== key) continue;
    pairs[at + 1] = value;
    return;
  }
  pairs.push(key, value);
}
