/** The file with the keys of the embedded store: one a line in base64, the first one seals. */
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { KEY_BYTES, type SealingKey, sealingKey } from './gcm-cipher.ts';
import { StoreError } from './store-error.ts';

type Keys = readonly [SealingKey, ...SealingKey[]];

/** Reads keys as they are configured: 32 bytes in base64 each. Null where one is none. */
export function readKey(text: string): SealingKey | null {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === KEY_BYTES ? sealingKey(bytes) : null;
}

/**
 * The keys of a file. Without the file, one with a random key is made, readable by its owner alone.
 * @throws StoreError if it cannot be read or made, is open to others, or holds anything but keys
 */
export function loadKeys(path: string): { readonly keys: Keys; readonly isNew: boolean } {
  try {
    return { keys: createKeys(path), isNew: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(path, error);
  }
  return { keys: parseKeys(path, readGuarded(path)), isNew: false };
}

function createKeys(path: string): Keys {
  // `wx` fails if somebody else was faster: then theirs is read.
  const file = openSync(path, 'wx', 0o600);
  try {
    const bytes = randomBytes(KEY_BYTES);
    writeSync(file, `${bytes.toString('base64')}\n`);
    fsyncSync(file);
    return [sealingKey(bytes)];
  } finally {
    closeSync(file);
  }
}

function readGuarded(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw unusable(path, error);
  }
  try {
    const mode = fstatSync(file).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      const found = mode.toString(8);
      throw new StoreError(
        'unavailable',
        `the key file ${path} has mode ${found}, others can reach it: chmod 600 ${path}`,
      );
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function parseKeys(path: string, text: string): Keys {
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.flatMap((line, i) => {
    if (line === '' || line.startsWith('#')) return [];
    const key = readKey(line);
    if (key !== null) return [key];
    throw new StoreError('unavailable', `line ${i + 1} of the key file ${path} is no key: write 32 bytes in base64`);
  });
  const [first, ...others] = keys;
  if (first === undefined) throw new StoreError('unavailable', `the key file ${path} has no key`);
  return [first, ...others];
}

function unusable(path: string, error: unknown): StoreError {
  return new StoreError('unavailable', `cannot use the key file ${path}: ${(error as Error).message}`, {
    cause: error,
  });
}
