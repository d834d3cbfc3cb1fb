/**
 * Listening on a UNIX domain socket. It is made under another name in the same folder, gets its mode and owner there, and
 * is then renamed to its path: clients find the old one or the new one, never none and never one that is open to others, and
 * a successor takes the place of a socket that is still listened on, or that a process left behind when it died.
 */
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, rename, unlink } from 'node:fs/promises';
import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { listen, type Listening, type ListenOptions } from '../http1/sockets.ts';
import type { UnixPlace } from './listener-plan.ts';
import { StartError } from './start-error.ts';

export interface UnixListening extends Listening {
  /** Whether the path still leads to this socket. */
  readonly isInPlace: () => boolean;
  /** Removes the path, unless it leads to another one by now. */
  readonly remove: () => void;
}

/** Rejects with a StartError. */
export async function listenUnix(
  place: UnixPlace,
  options: Omit<ListenOptions, 'address' | 'port' | 'path'>,
): Promise<UnixListening> {
  const name = path.join(path.dirname(place.path), `.${randomBytes(5).toString('hex')}`);
  let listening: Listening | null = null;
  try {
    listening = await listen({ ...options, address: '', port: 0, path: name });
    await chmod(name, place.mode);
    if (place.uid !== null || place.gid !== null) await chown(name, place.uid ?? -1, place.gid ?? -1);
    const { ino, dev } = await lstat(name);
    await rename(name, place.path);
    const isInPlace = (): boolean => {
      const found = lstatSync(place.path, { throwIfNoEntry: false });
      return found?.ino === ino && found.dev === dev;
    };
    const remove = (): void => {
      try {
        if (isInPlace()) unlinkSync(place.path);
      } catch {
        // The folder may be gone, or be somebody else's by now: what is left is replaced by the next start.
      }
    };
    return { ...listening, isInPlace, remove };
  } catch (error) {
    listening?.server.close();
    await unlink(name).catch(() => undefined);
    throw new StartError(unixProblem(place.path, error), { cause: error });
  }
}

/** Changes who may connect to a socket that is in place. */
export async function changeMode({ path: file, mode, uid, gid }: UnixPlace): Promise<void> {
  await chmod(file, mode);
  if (uid !== null || gid !== null) await chown(file, uid ?? -1, gid ?? -1);
}

/** Throws StartError if the path is something else than a socket, or one that somebody listens on. */
export async function checkUnixPath(file: string): Promise<void> {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new StartError(`cannot listen on ${file}: what is there is no socket`);
  if (await isListenedOn(file)) throw new StartError(`cannot listen on ${file}: another process does`);
}

function isListenedOn(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path: file });
    const settle = (isTaken: boolean): void => {
      socket.destroy();
      resolve(isTaken);
    };
    socket.once('connect', () => settle(true));
    // Its queue is full, or it is not ours to connect to: somebody has it.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => settle(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

function unixProblem(file: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const place = `cannot listen on ${file}`;
  // libuv says EACCES for both.
  if (!existsSync(path.dirname(file))) return `${place}: its folder does not exist`;
  if (code === 'ENOTDIR') return `${place}: what should be its folder is none`;
  if (code === 'EACCES') return `${place}: the gateway may not write into its folder`;
  if (code === 'EPERM') return `${place}: the gateway may not give it to that user or group`;
  if (code === 'EISDIR' || code === 'ENOTEMPTY') return `${place}: what is there is a folder`;
  return `${place}: ${message}`;
}
