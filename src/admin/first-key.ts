/** The key of an Admin API for which none is configured: made once, kept in a file that its owner alone can read. */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

const KEY_BYTES = 24;

/**
 * The key in the file; without the file, one with a random key is made.
 * @throws Error, saying what would be right, if it cannot be read or made, or is open to others
 */
export function loadFirstKey(path: string): { readonly key: string; readonly isNew: boolean } {
  const made = randomBytes(KEY_BYTES).toString('base64url');
  try {
    write(path, made);
    return { key: made, isNew: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return { key: read(path), isNew: false };
}

/** `wx` fails if there is one: nobody's key is replaced. */
function write(path: string, key: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, `${key}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function read(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { mode } = fstatSync(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new Error(`others can read ${path}: run chmod 600 ${path}, or remove it to get a new key`);
    }
    const key = readFileSync(file, 'utf8').trim();
    if (!/^[\x21-\x7e]{8,1024}$/.test(key)) {
      throw new Error(`${path} holds no key of at least 8 characters: remove it to get a new one`);
    }
    return key;
  } finally {
    closeSync(file);
  }
}
