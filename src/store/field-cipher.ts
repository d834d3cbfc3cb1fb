/** How the secrets of objects are kept where they are stored. */
import type { ObjectRef, ObjectValue } from './store.ts';

export interface FieldCipher {
  /** A copy whose secrets cannot be read without the key; the value itself if it has none. */
  seal(ref: ObjectRef, value: ObjectValue): ObjectValue;
  /** The reverse. Throws a CipherError if a text cannot be decrypted and is not meant to be plain either. */
  open(ref: ObjectRef, value: ObjectValue): ObjectValue;
}

/** A text cannot be decrypted; the message names its place, never its content. */
export class CipherError extends Error {
  override readonly name = 'CipherError';
}

/** Keeps everything as it is. */
export const PLAIN: FieldCipher = { seal: (_, value) => value, open: (_, value) => value };
