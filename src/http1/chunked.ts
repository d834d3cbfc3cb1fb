/**
 * The chunked coding (RFC 9112 §7.1), read piece by piece. The scanner validates every byte and hands out runs of
 * the input: the data alone, or ("raw") the coding as it stands, so that a body that goes from one HTTP/1.1
 * connection to another is passed on in as few pieces as it came in. Chunk extensions never pass; trailers pass only
 * where they are asked for.
 */
import { COLON, CR, LF, SEMICOLON, TOKEN, VALUE } from './chars.ts';

const SIZE_START = 0;
const SIZE = 1;
const EXTENSION = 2;
const SIZE_CR = 3;
const SIZE_LF = 4;
const DATA = 5;
const DATA_CR = 6;
const DATA_LF = 7;
const TRAILER_START = 8;
const TRAILER_NAME = 9;
const TRAILER_VALUE = 10;
const TRAILER_LF = 11;
const FINAL_LF = 12;
const DONE = 13;

/** Which states' bytes are handed out. */
const passing = (states: number[]): Uint8Array =>
  Uint8Array.from({ length: DONE + 1 }, (_, state) => (states.includes(state) ? 1 : 0));
const CODING = [SIZE_START, SIZE, SIZE_CR, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_START, FINAL_LF];
const PASSES = {
  data: passing([DATA]),
  coding: passing(CODING),
  codingWithTrailers: passing([...CODING, TRAILER_NAME, TRAILER_VALUE, TRAILER_LF]),
};

export type ChunkRuns = keyof typeof PASSES;

/** 12 hexadecimal digits stay below 2^53. */
const MOST_SIZE_DIGITS = 12;
const MOST_EXTENSION_BYTES = 256;
/** Over the whole body: tiny chunks with long extensions cost us more than their sender. */
const MOST_EXTENSIONS_BYTES = 16_384;
const MOST_TRAILER_BYTES = 8_192;

/**
 * RFC 9110 §6.5.1: no trailer may frame a message. In one that is passed on, such a field could only mislead; who sends
 * it is up to something.
 */
const FRAMING_NAMES: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);
const LONGEST_FRAMING_NAME = 17;

export class ChunkScanner {
  private state = SIZE_START;
  private size = 0;
  private digits = 0;
  private extensionBytes = 0;
  private extensionsBytes = 0;
  private trailerBytes = 0;
  private trailerName = '';
  private readonly passes: Uint8Array;

  /** The run that the last `scan` found; empty if nothing passes. */
  runStart = 0;
  runEnd = 0;
  /** Bytes of data so far, without the coding. */
  dataBytes = 0;
  /** The trailer section as it came, each line with its CRLF. */
  trailers = '';

  constructor(runs: ChunkRuns) {
    this.passes = PASSES[runs];
  }

  get isDone(): boolean {
    return this.state === DONE;
  }

  /**
   * Reads on from `at` and sets the next run.
   * @returns the offset up to which input was consumed (call again while that is below `end` and the body is not
   *   done), or −1 if the coding is malformed
   */
  scan(bytes: Uint8Array, at: number, end: number): number {
    const start = this.advance(bytes, at, end, 0);
    if (start < 0) return -1;
    const stop = this.advance(bytes, start, end, 1);
    if (stop < 0) return -1;
    this.runStart = start;
    this.runEnd = stop;
    return this.advance(bytes, stop, end, 0);
  }

  /** Runs the machine while its states pass (1) or do not (0). */
  private advance(bytes: Uint8Array, at: number, end: number, wanted: 0 | 1): number {
    const { passes } = this;
    let i = at;
    while (i < end && passes[this.state] === wanted && this.state !== DONE) {
      const code = bytes[i];
      const state: number = this.state;
      switch (state) {
        case DATA: {
          const available = end - i;
          const taken = available < this.size ? available : this.size;
          i += taken;
          this.size -= taken;
          this.dataBytes += taken;
          if (this.size === 0) this.state = DATA_CR;
          continue;
        }
        case SIZE_START:
        case SIZE:
          if (!this.takeSize(code)) return -1;
          // The extension is looked at by its own state.
          if (this.state === EXTENSION) continue;
          break;
        case EXTENSION:
          if (code === CR) {
            this.state = SIZE_CR;
            continue;
          }
          if (VALUE[code] === 0 || ++this.extensionBytes > MOST_EXTENSION_BYTES) return -1;
          if (++this.extensionsBytes > MOST_EXTENSIONS_BYTES) return -1;
          break;
        case SIZE_CR:
          this.state = SIZE_LF;
          break;
        case SIZE_LF:
          if (code !== LF) return -1;
          this.state = this.size === 0 ? TRAILER_START : DATA;
          break;
        case DATA_CR:
          if (code !== CR) return -1;
          this.state = DATA_LF;
          break;
        case DATA_LF:
          if (code !== LF) return -1;
          this.state = SIZE_START;
          break;
        case TRAILER_START:
          if (code !== CR) {
            if (TOKEN[code] === 0) return -1;
            this.state = TRAILER_NAME;
            continue;
          }
          this.state = FINAL_LF;
          break;
        case FINAL_LF:
          if (code !== LF) return -1;
          this.state = DONE;
          break;
        default:
          if (!this.takeTrailer(code)) return -1;
      }
      i++;
    }
    return i;
  }

  private takeSize(code: number): boolean {
    const digit = hexValue(code);
    if (digit >= 0) {
      if (this.state === SIZE_START) {
        this.state = SIZE;
        this.size = this.digits = this.extensionBytes = 0;
      }
      this.size = this.size * 16 + digit;
      return ++this.digits <= MOST_SIZE_DIGITS;
    }
    if (this.state === SIZE_START) return false;
    if (code === CR) this.state = SIZE_LF;
    else if (code === SEMICOLON) this.state = EXTENSION;
    else return false;
    return true;
  }

  private takeTrailer(code: number): boolean {
    if (++this.trailerBytes > MOST_TRAILER_BYTES) return false;
    this.trailers += String.fromCharCode(code);
    if (this.state === TRAILER_NAME) {
      if (code === COLON) {
        if (FRAMING_NAMES.has(this.trailerName.toLowerCase())) return false;
        this.trailerName = '';
        this.state = TRAILER_VALUE;
      } else if (TOKEN[code] === 0) return false;
      else if (this.trailerName.length <= LONGEST_FRAMING_NAME) this.trailerName += String.fromCharCode(code);
    } else if (this.state === TRAILER_VALUE) {
      if (code === CR) this.state = TRAILER_LF;
      else if (VALUE[code] === 0) return false;
    } else {
      if (code !== LF) return false;
      this.state = TRAILER_START;
    }
    return true;
  }
}

function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
