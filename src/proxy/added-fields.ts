/** Header fields that plugins set, in a message that otherwise passes as it came. */

import { headerNameFault } from '../sdk/header-names.ts';

/** The lower-case name. Throws TypeError for one that is invalid or not a plugin's to set. */
function checkedName(name: string): string {
  const fault = headerNameFault(name);
  if (fault !== null) throw new TypeError(fault);
  return name.toLowerCase();
}

/** The value as it is written, one character per byte. Throws TypeError for what would break the head. */
export function checkedValue(name: string, value: string): string {
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

const MOST_REMEMBERED = 1_024;

/** Header names as plugins spell them: few, and the same for every exchange. Forgets all of them when there are too many. */
export class NameMemo {
  private readonly lower = new Map<string, string>();
  private readonly settable = new Map<string, string>();

  /** In lower case. */
  lowerOf(name: string): string {
    return this.lower.get(name) ?? remember(this.lower, name, name.toLowerCase());
  }

  /** In lower case, of a name that a plugin may set. Throws TypeError for any other. */
  settableOf(name: string): string {
    return this.settable.get(name) ?? remember(this.settable, name, checkedName(name));
  }
}

function remember(memo: Map<string, string>, name: string, lower: string): string {
  if (memo.size >= MOST_REMEMBERED) memo.clear();
  memo.set(name, lower);
  return lower;
}

interface Field {
  readonly lower: string;
  readonly name: string;
  readonly value: string;
}

/** A handful of fields at most: lists that are searched cost less than sets and maps. */
export class AddedFields {
  private fields: Field[] = [];
  /** Names that were set or removed: what the gateway adds by itself gives way to them. */
  private readonly touched: string[] = [];

  add(lower: string, name: string, value: string): void {
    this.touch(lower);
    this.fields.push({ lower, name, value });
  }

  remove(lower: string): void {
    this.touch(lower);
    for (const field of this.fields) {
      if (field.lower !== lower) continue;
      this.fields = this.fields.filter((each) => each.lower !== lower);
      return;
    }
  }

  private touch(lower: string): void {
    if (!this.touched.includes(lower)) this.touched.push(lower);
  }

  has(lower: string): boolean {
    return this.touched.includes(lower);
  }

  /** Whether any name of a set was set or removed. */
  hasAnyOf(names: ReadonlySet<string>): boolean {
    for (const name of this.touched) if (names.has(name)) return true;
    return false;
  }

  first(lower: string): string | undefined {
    return this.fields.find((field) => field.lower === lower)?.value;
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
    for (const { name, value } of this.fields) text += `${name}: ${value}\r\n`;
    return text;
  }
}
