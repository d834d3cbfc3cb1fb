/** The last good state of etcd in a local file: what a gateway begins with while etcd cannot be reached. */
import { hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { KnownState } from './etcd-follower.ts';

const FORMAT = 'gatewright etcd snapshot 1';

/** Replaces the file as a whole, readable by its owner alone. What goes wrong is reported: the snapshot is only a precaution. */
export function writeSnapshot(
  path: string,
  prefix: string,
  state: KnownState,
  onFault: (error: unknown) => void,
): void {
  try {
    const content = JSON.stringify({ prefix, ...state });
    const next = `${path}.next`;
    const file = openSync(next, 'w', 0o600);
    try {
      writeSync(file, `${FORMAT} sha256:${hash('sha256', content, 'hex')}\n${content}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
    syncFolder(dirname(path));
  } catch (error) {
    onFault(new Error(`cannot keep the last good state in ${path}: ${(error as Error).message}`, { cause: error }));
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Null if there is none, or none that can be trusted; the latter is reported. */
export function readSnapshot(path: string, prefix: string, onFault: (error: unknown) => void): KnownState | null {
  try {
    const text = readFileSync(path, 'utf8');
    const newline = text.indexOf('\n');
    const content = text.slice(newline + 1, -1);
    if (text.slice(0, newline) !== `${FORMAT} sha256:${hash('sha256', content, 'hex')}`)
      throw new Error('it is damaged, or none');
    const { prefix: found, ...state } = JSON.parse(content) as KnownState & { readonly prefix: string };
    if (found !== prefix) throw new Error(`it is that of the prefix "${found}"`);
    return state;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    onFault(new Error(`the last good state in ${path} is not used: ${(error as Error).message}`, { cause: error }));
    return null;
  }
}
