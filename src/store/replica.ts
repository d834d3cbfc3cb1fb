/** All objects in memory at one revision, and enough of the past to tell a watch what happened since an earlier one. */
import type { Kind } from '../model/object-set.ts';
import { nameOf } from './object-key.ts';
import type { ObjectRef, StoreChanges, StoredObject, StoreState } from './store.ts';

/** Deletions that are remembered for watches that resume; those that know less get everything. */
const DELETIONS_KEPT = 10_000;

export class Replica {
  private readonly objects = new Map<string, StoredObject>();
  /** When each deleted object was deleted, oldest first. */
  private readonly deletions = new Map<string, { readonly ref: ObjectRef; readonly revision: number }>();
  /** Before this revision it is not known what was deleted. */
  private forgotten: number;
  private current: number;

  constructor(revision: number, objects: readonly StoredObject[]) {
    this.current = revision;
    this.forgotten = revision;
    for (const object of objects) this.objects.set(nameOf(object), object);
  }

  get revision(): number {
    return this.current;
  }

  find(ref: ObjectRef): StoredObject | null {
    return this.objects.get(nameOf(ref)) ?? null;
  }

  list(kind?: Kind): readonly StoredObject[] {
    const all = [...this.objects.values()];
    return kind === undefined ? all : all.filter((object) => object.kind === kind);
  }

  /** Takes a change; each revision has to be at least that of the change before. */
  put(object: StoredObject): void {
    const name = nameOf(object);
    this.current = object.modifiedRevision;
    this.deletions.delete(name);
    this.objects.set(name, object);
  }

  delete(ref: ObjectRef, revision: number): void {
    const name = nameOf(ref);
    this.current = revision;
    if (!this.objects.delete(name)) return;
    this.deletions.delete(name);
    this.deletions.set(name, { ref, revision });
    for (const [oldest, deletion] of this.deletions) {
      if (this.deletions.size <= DELETIONS_KEPT) break;
      this.deletions.delete(oldest);
      this.forgotten = deletion.revision;
    }
  }

  /** Nothing of it changed up to this revision. */
  advance(revision: number): void {
    if (revision > this.current) this.current = revision;
  }

  /** Takes everything at a later revision; what is not there was deleted in between. */
  catchUp(revision: number, objects: readonly StoredObject[]): void {
    const names = new Set(objects.map(nameOf));
    const gone = [...this.objects.values()].filter((object) => !names.has(nameOf(object)));
    const changed = objects.filter((object) => this.find(object)?.modifiedRevision !== object.modifiedRevision);
    for (const object of changed.toSorted((a, b) => a.modifiedRevision - b.modifiedRevision)) this.put(object);
    for (const { kind, id } of gone) this.delete({ kind, id }, revision);
    this.current = revision;
  }

  state(isStale: boolean, kind?: Kind): StoreState {
    return { revision: this.current, objects: this.list(kind), isStale };
  }

  /** What a watch that knows everything up to `revision` has to be told. */
  since(revision: number | undefined, isStale: boolean): StoreChanges | StoreState | null {
    if (revision === this.current) return null;
    if (revision === undefined || revision > this.current || revision < this.forgotten) return this.state(isStale);
    const changed = this.list().filter(({ modifiedRevision }) => modifiedRevision > revision);
    const deleted = Array.from(this.deletions.values()).filter((deletion) => deletion.revision > revision);
    return { revision: this.current, changed, deleted: deleted.map(({ ref }) => ref) };
  }
}
