/** The configuration file as a store: what is read from it, and nothing that could be written to it. */
import type { Configuration } from '../config/configuration.ts';
import { KINDS, type Kind } from '../model/object-set.ts';
import { Deliveries } from './deliveries.ts';
import { keyOf, nameOf } from './object-key.ts';
import { StoreError } from './store-error.ts';
import type {
  ObjectRef,
  Store,
  StoredObject,
  StoreParts,
  StoreState,
  StoreStatus,
  Watch,
  Watcher,
  WriteResult,
} from './store.ts';

export class FileStore implements Store {
  readonly type = 'file';
  readonly readOnlyReason: string;
  private readonly deliveries: Deliveries;
  private configuration: Configuration;
  private objects: ReadonlyMap<string, StoredObject>;
  private revision = 1;
  private isClosed = false;

  /** @param configuration as it was read at the start; whoever watches the file hands on later ones by `take` */
  constructor(path: string, configuration: Configuration, parts: StoreParts) {
    this.readOnlyReason = `objects come from ${path}: change them there`;
    this.configuration = configuration;
    this.objects = storedObjects(configuration, this.revision, new Map());
    this.deliveries = new Deliveries((revision) => (revision === this.revision ? null : this.state()), parts);
  }

  get status(): StoreStatus {
    return this.deliveries.status;
  }

  /** The file was read again: a new revision. Where it could not be read as a whole, the objects stay those of the last one. */
  take(configuration: Configuration): void {
    this.revision++;
    this.configuration = configuration;
    if (!configuration.objects.isIncomplete) this.objects = storedObjects(configuration, this.revision, this.objects);
    this.deliveries.wake();
  }

  async readAll(kind?: Kind): Promise<StoreState> {
    this.checkOpen();
    return this.state(kind);
  }

  async get(ref: ObjectRef): Promise<StoredObject | null> {
    this.checkOpen();
    return this.objects.get(nameOf(ref)) ?? null;
  }

  /** Refuses everything. */
  async write(): Promise<WriteResult> {
    this.checkOpen();
    throw new StoreError('read_only', this.readOnlyReason);
  }

  /** A file changes as a whole: watchers get everything each time, with the configuration that it was read from. */
  watch(watcher: Watcher, after?: number): Watch {
    return this.deliveries.add(watcher, after);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.deliveries.close();
  }

  private checkOpen(): void {
    if (this.isClosed) throw new StoreError('closed', 'the store is closed');
  }

  private state(kind?: Kind): StoreState {
    const all = [...this.objects.values()];
    const objects = kind === undefined ? all : all.filter((object) => object.kind === kind);
    return { revision: this.revision, objects, isStale: false, configuration: this.configuration };
  }
}

/** Objects that did not change keep their revisions. Of those with the same id the first counts. */
function storedObjects(
  { objects: { objects } }: Configuration,
  revision: number,
  before: ReadonlyMap<string, StoredObject>,
): Map<string, StoredObject> {
  const stored = new Map<string, StoredObject>();
  for (const kind of KINDS) {
    for (const { id, value, path } of objects[kind]) {
      const name = nameOf({ kind, id });
      if (stored.has(name)) continue;
      const last = before.get(name);
      const isSame = last !== undefined && JSON.stringify(last.value) === JSON.stringify(value);
      stored.set(name, {
        kind,
        id,
        key: keyOf({ kind, id }),
        path,
        value,
        createdRevision: last?.createdRevision ?? revision,
        modifiedRevision: isSame ? last.modifiedRevision : revision,
      });
    }
  }
  return stored;
}
