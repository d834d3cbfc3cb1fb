import type { Head } from '../http1/head.ts';
import { REMOVED } from '../http1/fields.ts';
import { AddedFields, checkedName, checkedValue } from './added-fields.ts';

/** The header of a message as plugins see and change it: what came, less what was removed, plus what was added. */
export class FieldsView {
  /** Null while nothing was changed, which is the usual case. */
  added: AddedFields | null = null;
  private readonly head: Head | null;

  constructor(head: Head | null) {
    this.head = head;
  }

  first(name: string): string | undefined {
    const lower = name.toLowerCase();
    return this.head?.get(lower) ?? this.added?.first(lower);
  }

  all(name: string): string[] {
    const lower = name.toLowerCase();
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

  set(name: string, value: string): void {
    const lower = checkedName(name);
    const checked = checkedValue(name, value);
    this.drop(lower);
    this.additions.add(lower, name, checked);
  }

  add(name: string, value: string): void {
    const lower = checkedName(name);
    this.additions.add(lower, name, checkedValue(name, value));
  }

  remove(name: string): void {
    this.drop(checkedName(name));
  }

  private get additions(): AddedFields {
    return (this.added ??= new AddedFields());
  }

  private drop(lower: string): void {
    this.head?.remove(lower);
    this.additions.remove(lower);
  }
}
