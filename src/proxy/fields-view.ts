import type { Head } from '../http1/head.ts';
import { REMOVED } from '../http1/fields.ts';
import { AddedFields, makeField, type NameMemo } from './added-fields.ts';

/** `Expect` belongs to the body that is not sent. */
const FRAMING = ['content-length', 'transfer-encoding', 'expect'];

/** The header of a message as plugins see and change it: what came, less what was removed, plus what was added. */
export class FieldsView {
  /** Null while nothing was changed, which is the usual case. */
  added: AddedFields | null = null;
  private readonly head: Head | null;
  private readonly names: NameMemo;

  constructor(head: Head | null, names: NameMemo) {
    this.head = head;
    this.names = names;
  }

  first(name: string): string | undefined {
    const lower = this.names.lowerOf(name);
    return this.head?.get(lower) ?? this.added?.first(lower);
  }

  all(name: string): string[] {
    const lower = this.names.lowerOf(name);
    const values: string[] = [];
    const { head } = this;
    if (head !== null)
      for (let k = head.indexOf(lower, 0); k >= 0; k = head.indexOf(lower, k + 1)) values.push(head.value(k));
    return this.added === null ? values : values.concat(this.added.all(lower));
  }

  entries(): [string, string][] {
    const entries: [string, string][] = [];
    const { head } = this;
    for (let k = 0; head !== null && k < head.count; k++) {
      if (head.kind(k) !== REMOVED) entries.push([head.name(k), head.value(k)]);
    }
    return this.added === null ? entries : entries.concat(this.added.entries());
  }

  /** @param sound a value that is known to break nothing, '' for none */
  set(name: string, value: string, sound = ''): void {
    const field = this.names.fieldOf(name, value, sound);
    this.head?.remove(field.lower);
    this.additions.set(field);
  }

  add(name: string, value: string): void {
    this.additions.add(this.names.fieldOf(name, value, ''));
  }

  remove(name: string): void {
    this.drop(this.names.settableOf(name));
  }

  /** Frames the message by a length, in place of what framed it. */
  frame(length: number): void {
    for (const name of FRAMING) this.drop(name);
    this.additions.add(makeField('content-length', 'Content-Length', String(length)));
  }

  private get additions(): AddedFields {
    return (this.added ??= new AddedFields());
  }

  private drop(lower: string): void {
    this.head?.remove(lower);
    this.additions.remove(lower);
  }
}
