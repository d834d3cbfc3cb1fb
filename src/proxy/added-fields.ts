/** Header fields that plugins set, in a message that otherwise passes as it came. */

import { headerNameFault } from '../sdk/header-names.ts';

const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\uffff]/;
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/** The lower-case name. Throws TypeError for one that is invalid or not a plugin's to set. */
function checkedName(name: string): string {
  const fault = headerNameFault(name);
  if (fault !== null) throw new TypeError(fault);
  return name.toLowerCase();
}

/** The value as it is written, one character per byte. Throws TypeError for what would break the head. */
export function checkedValue(name: string, value: string): string {
  if (typeof value !== 'string') throw new TypeError(`the value of the header ${name} is no string`);
  if (FORBIDDEN_IN_VALUE.test(value)) throw new TypeError(`the value of the header ${name} holds a control character`);
  return BEYOND_LATIN1.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value;
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

export class AddedFields {
  private fields: Field[] = [];
  /** Names that were set or removed: what the gateway adds by itself gives way to them. */
  private readonly touched = new Set<string>();

  add(lower: string, name: string, value: string): void {
    this.touched.add(lower);
    this.fields.push({ lower, name, value });
  }

  remove(lower: string): void {
    this.touched.add(lower);
    if (this.fields.some((field) => field.lower === lower)) {
      this.fields = this.fields.filter((field) => field.lower !== lower);
    }
  }

  has(lower: string): boolean {
    return this.touched.has(lower);
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
