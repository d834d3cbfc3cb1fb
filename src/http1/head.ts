/**
 * The head of a message as its exchange owns it: one string, and a private copy of the offsets of its fields. Nothing
 * in it aliases the read buffer or the parser's scratch memory, so it may be read long after other messages were parsed.
 */
import { HYPHEN, UNDERSCORE } from './chars.ts';
import { parsed, PLAIN, REMOVED, scratchFields, STRIDE } from './fields.ts';

interface FoundFields {
  readonly count: number;
  readonly fieldsStart: number;
  readonly kindsSeen: number;
}

export class Head {
  /** From the start line to the last field, without the empty line; one character per byte. */
  readonly text: string;
  /** Offset of the first field in `text`. */
  readonly fieldsStart: number;
  /** Bit per kind of field that occurs. */
  readonly kindsSeen: number;
  readonly count: number;
  private readonly fields: number[];

  /** Takes over what the last parse found; `text` is the parsed head without its last CRLF. */
  constructor(text: string, found: FoundFields = parsed) {
    this.text = text;
    this.count = found.count;
    this.fieldsStart = found.fieldsStart;
    this.kindsSeen = found.kindsSeen;
    this.fields = scratchFields.slice(0, found.count * STRIDE);
  }

  name(index: number): string {
    const o = index * STRIDE;
    return this.text.slice(this.fields[o], this.fields[o + 1]);
  }

  value(index: number): string {
    const o = index * STRIDE;
    return this.text.slice(this.fields[o + 2], this.fields[o + 3]);
  }

  /** Name, colon and value, as they stand in the text, without CRLF. */
  line(index: number): string {
    const o = index * STRIDE;
    return this.text.slice(this.fields[o], this.fields[o + 3]);
  }

  /** Whether `value(index)` is that text. */
  holds(index: number, text: string): boolean {
    const start = this.fields[index * STRIDE + 2];
    if (this.fields[index * STRIDE + 3] - start !== text.length) return false;
    for (let k = 0; k < text.length; k++) if (this.text.charCodeAt(start + k) !== text.charCodeAt(k)) return false;
    return true;
  }

  kind(index: number): number {
    return this.fields[index * STRIDE + 4];
  }

  has(kind: number): boolean {
    return (this.kindsSeen & (1 << kind)) !== 0;
  }

  /** Index of the next field named `name` (lower case) from `from` on, −1 if there is none. */
  indexOf(name: string, from: number): number {
    const { fields, text } = this;
    const { length } = name;
    for (let k = from; k < this.count; k++) {
      const o = k * STRIDE;
      if (fields[o + 1] - fields[o] !== length || fields[o + 4] === REMOVED) continue;
      let j = 0;
      while (j < length && lowerCase(text.charCodeAt(fields[o] + j)) === name.charCodeAt(j)) j++;
      if (j === length) return k;
    }
    return -1;
  }

  /** The value of the first field named `name` (lower case), undefined if there is none. */
  get(name: string): string | undefined {
    const index = this.indexOf(name, 0);
    return index < 0 ? undefined : this.value(index);
  }

  /** The values of all fields of a kind, joined as RFC 9110 §5.3 allows; '' without any. */
  joined(kind: number): string {
    let values = '';
    for (let k = 0; k < this.count; k++) {
      if (this.kind(k) !== kind) continue;
      values = values === '' ? this.value(k) : `${values}, ${this.value(k)}`;
    }
    return values;
  }

  /** Takes every field named `name` (lower case) out of what is forwarded. */
  remove(name: string): void {
    for (let k = this.indexOf(name, 0); k >= 0; k = this.indexOf(name, k + 1)) this.fields[k * STRIDE + 4] = REMOVED;
  }

  /**
   * Takes out every field that has one of these names, in lower case and with hyphens, or one that CGI and its heirs do
   * not tell from it: they write hyphen and underscore alike.
   */
  removeAlike(names: readonly string[]): void {
    const { fields, text, count } = this;
    for (let k = 0; k < count; k++) {
      const o = k * STRIDE;
      const length = fields[o + 1] - fields[o];
      for (const name of names) {
        if (name.length !== length) continue;
        let j = 0;
        while (j < length && hyphened(text.charCodeAt(fields[o] + j)) === name.charCodeAt(j)) j++;
        if (j === length) fields[o + 4] = REMOVED;
      }
    }
  }

  /**
   * The fields as text, each line with its CRLF, without those whose kind is flagged in `dropped`. Runs of untouched
   * fields are single slices.
   * @param start 0 to have the start line before them, as it came
   */
  forwarded(dropped: Uint8Array, start = this.fieldsStart): string {
    const { fields, text, count } = this;
    let out = '';
    let run = start;
    for (let k = 0; k < count; k++) {
      const o = k * STRIDE;
      const kind = fields[o + 4];
      if (kind === PLAIN || dropped[kind] === 0) continue;
      const from = fields[o];
      if (from > run) out += text.slice(run, from);
      run = k + 1 < count ? fields[o + STRIDE] : text.length;
    }
    if (run === 0) return text;
    return run < text.length ? out + text.slice(run) : out;
  }
}

/** The head of a message that has none that could be understood. */
export const NO_HEAD = new Head('', { count: 0, fieldsStart: 0, kindsSeen: 0 });

function hyphened(code: number): number {
  return code === UNDERSCORE ? HYPHEN : lowerCase(code);
}

function lowerCase(code: number): number {
  return code >= 65 && code <= 90 ? code | 0x20 : code;
}
