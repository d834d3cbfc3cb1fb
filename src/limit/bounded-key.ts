/** Keys as they are kept: bounded in size, and holding on to nothing else. */

/** Longer keys are kept as a digest. */
const MAX_LENGTH = 256;
/** Begins every kept key that is not literally what a caller gave; half of a surrogate pair, so that texts never do. */
const MARK = '\udfff';
const MARK_UNIT = 0xdfff;
const BEYOND_LATIN1 = /[^\x00-\xff]/;

/** A cryptographic digest of bytes as a short text: whoever chooses keys must not be able to make two of them meet. */
export type Digest = (bytes: Uint8Array) => string;

/** The key itself if it is short, else a text of bounded length that no other key has. */
export function boundedKey(key: string, digest: Digest): string {
  if (key.length <= MAX_LENGTH && key.charCodeAt(0) !== MARK_UNIT) return key;
  return `${MARK}d${digest(Buffer.from(key, 'utf16le'))}`;
}

/** A key that no caller can have. */
export function reservedKey(name: string): string {
  return `${MARK}r${name}`;
}

/**
 * A copy with memory of its own. A key cut out of a request would otherwise keep the whole head of that request alive
 * for as long as the key is counted.
 */
export function detached(key: string): string {
  const encoding = BEYOND_LATIN1.test(key) ? 'utf16le' : 'latin1';
  return Buffer.from(key, encoding).toString(encoding);
}
