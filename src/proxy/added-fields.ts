/** Header fields that plugins set, in a message that otherwise passes as it came. */

import { flat } from '../http1/bytes.ts';
import { headerNameFault } from '../sdk/header-names.ts';

/** The lower-case name. Throws TypeError for one that is invalid or not a plugin's to set. */
function checkedName(name: string): string {
  const fault = headerNameFault(name);
  if (fault !== null) throw new TypeError(fault);
  return name.toLowerCase();
}

/** The value as it is written, one character per byte. Throws TypeError for what would break the head. */
function checkedValue(name: string, value: string): string {
  if (typeof value !== 'string') throw new TypeError(`the value of the header ${name} is no string`);
  // Values are short: a loop costs less than regular expressions, of which the beginning alone costs as much.
  let isLatin1 = true;
  for (let k = 0; k < value.length; k++) {
    const code = value.charCodeAt(k);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f)
      throw new TypeError(`the value of the header ${name} holds a control character`);
    if (code > 0xff) isLatin1 = false;
  }
  return isLatin1 ? value : Buffer.from(value, 'utf8').toString('latin1');
}

/** A field as a plugin set it. Exchanges share it: nothing but its line's form ever changes. */
export interface Field {
  readonly lower: string;
  readonly name: string;
  /** One character per byte. */
  readonly value: string;
  /** With its CRLF. */
  line: string;
}

/** @param start of its line: the name with its colon, given where that is at hand in one piece */
export function makeField(lower: string, name: string, value: string, start = `${name}: `): Field {
  // In this order the text of a short value and its end are one piece: every write goes through the pieces.
  return { lower, name, value, line: start + (value + '\r\n') };
}

const MOST_REMEMBERED = 1_024;
/** A longer value is not remembered. */
const MOST_CHARACTERS = 256;
/** After so many other values in a row, one in so many is remembered: storing what never comes again costs more than it saves. */
const MOST_MISSES = 16;
/** Uses after which a line is worth being kept in one piece. */
const WORTH_FLATTENING = 8;

/** What was set last under a name, as it was spelled. */
interface LastSet {
  readonly lower: string;
  readonly start: string;
  /** As it was given; null for one that is not remembered. */
  given: string | null;
  field: Field | null;
  uses: number;
  /** Other values in a row. */
  misses: number;
}

/**
 * Header names as plugins spell them: few, and the same for every exchange. With each the field that was set last: many
 * have the same value every time, and need not be checked and spelled again. Forgets all of them when there are too many.
 */
export class NameMemo {
  private readonly lower = new Map<string, string>();
  private readonly settable = new Map<string, LastSet>();

  /** In lower case. */
  lowerOf(name: string): string {
    return this.lower.get(name) ?? remember(this.lower, name, name.toLowerCase());
  }

  /** In lower case, of a name that a plugin may set. Throws TypeError for any other. */
  settableOf(name: string): string {
    return this.lastOf(name).lower;
  }

  /**
   * Throws TypeError for a name that a plugin may not set, and for a value that would break the head.
   *
   * @param sound a value that is known to break nothing: an exchange has its id checked once
   */
  fieldOf(name: string, value: string, sound: string): Field {
    const last = this.lastOf(name);
    if (value === sound && sound !== '') return makeField(last.lower, name, value, last.start);
    if (last.field !== null && last.given === value) {
      last.misses = 0;
      if (++last.uses === WORTH_FLATTENING) last.field.line = flat(last.field.line);
      return last.field;
    }
    const field = makeField(last.lower, name, checkedValue(name, value), last.start);
    const isWorthwhile = last.misses < MOST_MISSES || last.misses % MOST_MISSES === 0;
    last.misses = (last.misses + 1) & 0xffff;
    if (isWorthwhile && value.length <= MOST_CHARACTERS) {
      last.given = value;
      last.field = field;
      last.uses = 0;
    }
    return field;
  }

  private lastOf(name: string): LastSet {
    const known = this.settable.get(name);
    if (known !== undefined) return known;
    const made = { lower: checkedName(name), start: flat(`${name}: `), given: null, field: null, uses: 0, misses: 0 };
    return remember<LastSet>(this.settable, name, made);
  }
}

function remember<T>(memo: Map<string, T>, name: string, value: T): T {
  if (memo.size >= MOST_REMEMBERED) memo.clear();
  memo.set(name, value);
  return value;
}

/** A handful of fields at most: lists that are searched cost less than sets and maps. */
export class AddedFields {
  private fields: Field[] = [];
  /** Names that were removed, null while none was. */
  private removed: string[] | null = null;

  add(field: Field): void {
    this.fields.push(field);
  }

  /** In place of all of that name. */
  set(field: Field): void {
    this.drop(field.lower);
    this.fields.push(field);
  }

  remove(lower: string): void {
    this.drop(lower);
    this.removed ??= [];
    if (!this.removed.includes(lower)) this.removed.push(lower);
  }

  private drop(lower: string): void {
    if (this.first(lower) !== undefined) this.fields = this.fields.filter((field) => field.lower !== lower);
  }

  /** Whether the name was set or removed: what the gateway adds by itself gives way to that. */
  has(lower: string): boolean {
    return this.first(lower) !== undefined || (this.removed !== null && this.removed.includes(lower));
  }

  /** Whether any name of a set was set or removed. */
  hasAnyOf(names: ReadonlySet<string>): boolean {
    for (const { lower } of this.fields) if (names.has(lower)) return true;
    return this.removed !== null && this.removed.some((name) => names.has(name));
  }

  first(lower: string): string | undefined {
    for (const field of this.fields) if (field.lower === lower) return field.value;
    return undefined;
  }

  all(lower: string): string[] {
    return this.fields.filter((field) => field.lower === lower).map(({ value }) => value);
  }

  entries(): [string, string][] {
    return this.fields.map(({ name, value }) => [name, value]);
  }

  /** Each line with its CRLF. */
  text(): string {
    let text = '';
    for (const { line } of this.fields) text += line;
    return text;
  }
}
