/** Frames and header blocks as bytes, for who writes them by hand. */

export type Fields = readonly (readonly [name: string, value: string])[];

/** A header block of literals that enter no table. */
export function blockOf(fields: Fields): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    const length =
      bytes.length < 127
        ? Buffer.of(bytes.length)
        : Buffer.of(127, ((bytes.length - 127) & 127) | 128, (bytes.length - 127) >> 7);
    return Buffer.concat([length, bytes]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const number32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
