/** CRC-32C (Castagnoli), as RFC 3720 §12.1 describes it. */

const REFLECTED = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ REFLECTED;
  return value >>> 0;
});

/** @param zeroedAt four bytes there count as zero: where the checksum itself stands */
export function crc32c(bytes: Uint8Array, end: number, zeroedAt = -1): number {
  let crc = 0xffffffff;
  for (let i = 0; i < end; i++) {
    const byte = zeroedAt >= 0 && i >= zeroedAt && i < zeroedAt + 4 ? 0 : (bytes[i] ?? 0);
    crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
