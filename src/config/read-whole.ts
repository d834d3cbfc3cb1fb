/** Reads what a configuration consists of, whatever lies at its path: never more than there is room for, never waiting without end. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Who writes into a pipe has this long for each piece. */
const PIPE_PATIENCE_MS = 10_000;
const LOOK_MS = 20;
const PIECE_BYTES = 262_144;

/**
 * A file, or what somebody writes into a pipe (`-c /dev/stdin`, `-c <(…)`). Rejects with a reason to be shown, also if there is
 * more of it. A pipe is opened without waiting for a writer: that would hold a thread that reads for the whole process, for ever, and
 * with it its end.
 */
export async function readWhole(path: string, most_bytes: number): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (stat.isCharacterDevice() || stat.isBlockDevice()) throw new Error('it is a device');
    if (stat.size > most_bytes) throw tooLarge(most_bytes);
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const piece = await nextPiece(handle);
      if (piece.length === 0) return Buffer.concat(pieces);
      length += piece.length;
      if (length > most_bytes) throw tooLarge(most_bytes);
      pieces.push(piece);
    }
  } finally {
    await handle.close();
  }
}

/** Empty at the end. */
async function nextPiece(handle: FileHandle): Promise<Buffer> {
  for (let waited_ms = 0; ; waited_ms += LOOK_MS) {
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, null);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      if (waited_ms >= PIPE_PATIENCE_MS) throw new Error(`nothing came by the pipe for ${PIPE_PATIENCE_MS / 1000} s`);
    }
    await delay(LOOK_MS);
  }
}

function tooLarge(most_bytes: number): Error {
  return new Error(`it has more than ${most_bytes} bytes`);
}
