/**
 * The Huffman code of RFC 7541 Appendix B. The code is canonical, so that the lengths alone determine it: codes of one
 * length are consecutive in the order of their symbols, and shorter ones come first.
 */

const EOS = 256;

/** Bits of the code of each symbol: the 256 octets, then EOS. */
// prettier-ignore
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11,
  10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8,
  15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5,
  6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
  7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21,
  23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25,
  26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26,
  28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const CODES: readonly number[] = canonicalCodes();

function canonicalCodes(): number[] {
  const symbols = LENGTHS.map((_, symbol) => symbol).toSorted((a, b) => LENGTHS[a] - LENGTHS[b] || a - b);
  const codes = new Array<number>(LENGTHS.length).fill(0);
  let code = -1;
  let length = LENGTHS[symbols[0]];
  for (const symbol of symbols) {
    code = (code + 1) * 2 ** (LENGTHS[symbol] - length);
    length = LENGTHS[symbol];
    codes[symbol] = code;
  }
  return codes;
}

/** Bytes that `text` (one character per byte) takes when it is coded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += LENGTHS[text.charCodeAt(i)];
  return (bits + 7) >> 3;
}

/** Writes the code of `text` (one character per byte) at `offset`. @returns the offset behind it */
export function huffmanEncode(text: string, out: Uint8Array, offset: number): number {
  let at = offset;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let left = LENGTHS[symbol];
    const code = CODES[symbol];
    // At most seven bits wait, and a code has up to 30: eight at a time stays within 32.
    while (left > 0) {
      const taken = Math.min(left, 8 - bits);
      held = (held << taken) | ((code >>> (left - taken)) & ((1 << taken) - 1));
      bits += taken;
      left -= taken;
      if (bits === 8) {
        out[at++] = held;
        held = bits = 0;
      }
    }
  }
  if (bits > 0) out[at++] = (held << (8 - bits)) | ((1 << (8 - bits)) - 1);
  return at;
}

// Decoding goes by half octets: no code is shorter than five bits, so that a step ends one symbol at most.

/** `state * 16 + half octet` → next state. */
const NEXT: Int16Array = new Int16Array(256 * 16);
/** The symbol that ends within that step, −1 for none, −2 for EOS, which no string may hold. */
const SYMBOL: Int16Array = new Int16Array(256 * 16).fill(-1);
/** States in which a string may end: at most seven bits of padding, all ones (RFC 7541 §5.2). */
const MAY_END: Uint8Array = new Uint8Array(256);

buildSteps();

function buildSteps(): void {
  // Inner nodes of the code tree; a child is a node, or ~symbol.
  const children: [number, number][] = [[0, 0]];
  for (let symbol = 0; symbol <= EOS; symbol++) {
    let node = 0;
    for (let bit = LENGTHS[symbol] - 1; bit > 0; bit--) {
      const side = (CODES[symbol] >>> bit) & 1;
      if (children[node][side] === 0) children[node][side] = children.push([0, 0]) - 1;
      node = children[node][side];
    }
    children[node][CODES[symbol] & 1] = ~symbol;
  }
  for (let state = 0; state < children.length; state++) {
    for (let half = 0; half < 16; half++) {
      let node = state;
      for (let bit = 3; bit >= 0; bit--) {
        const child = children[node][(half >>> bit) & 1];
        if (child < 0) SYMBOL[state * 16 + half] = ~child === EOS ? -2 : ~child;
        node = child < 0 ? 0 : child;
      }
      NEXT[state * 16 + half] = node;
    }
  }
  let padded = 0;
  for (let ones = 0; ones <= 7; ones++) {
    MAY_END[padded] = 1;
    padded = children[padded][1];
  }
}

/**
 * Decodes the bytes from `start` to `end` into `out`, which must have room for 8/5 of them.
 * @returns the number of bytes written, −1 if the code is malformed
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let state = 0;
  let at = 0;
  for (let i = start; i < end; i++) {
    const octet = bytes[i];
    let step = state * 16 + (octet >>> 4);
    let symbol = SYMBOL[step];
    if (symbol >= 0) out[at++] = symbol;
    else if (symbol === -2) return -1;
    step = NEXT[step] * 16 + (octet & 15);
    symbol = SYMBOL[step];
    if (symbol >= 0) out[at++] = symbol;
    else if (symbol === -2) return -1;
    state = NEXT[step];
  }
  return MAY_END[state] === 1 ? at : -1;
}
