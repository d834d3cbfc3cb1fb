/** A worker's side of a change: takes it in pieces, prepares it beside what is in force, and swaps when all workers can. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { compile, retire } from '../compile/compile.ts';
import type { CompileOptions } from '../compile/compile.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import { EMPTY_OBJECTS, KINDS } from '../model/object-set.ts';
import type { Kind, ObjectSet, RawObject } from '../model/object-set.ts';
import type { FromFollower, Port, ToFollower } from './messages.ts';

/** What of a change holds for all objects. */
export type Common = Pick<ObjectSet, 'plugins' | 'unknownAttributes'>;

export interface FollowerOptions {
  readonly port: Port<ToFollower, FromFollower>;
  readonly compile: Pick<CompileOptions, 'settings' | 'plugins' | 'hostFor' | 'onCloseFault'>;
  /** Puts a Snapshot in force. */
  readonly swap: (snapshot: Snapshot) => void;
  readonly collect: (id: number) => void;
  /** Work begins or ends that may keep the loop busy. */
  readonly setBusy: (isBusy: boolean) => void;
}

type Pair = readonly [key: string, value: Readonly<Record<string, unknown>> | null];

/** Follows what comes by the port. */
export function follow(options: FollowerOptions): void {
  const follower = new Follower(options);
  options.port.receive((message) => void follower.take(message));
}

class Follower {
  private readonly options: FollowerOptions;
  private snapshot: Snapshot | null = null;
  private objects = new Map<string, Pair[1]>();
  private pending: Pair[] = [];
  private prepared: { readonly snapshot: Snapshot; readonly objects: Map<string, Pair[1]> } | null = null;

  constructor(options: FollowerOptions) {
    this.options = options;
  }

  async take(message: ToFollower): Promise<void> {
    const { port } = this.options;
    switch (message.type) {
      case 'objects':
        this.pending.push(...(JSON.parse(message.text) as Pair[]));
        await nextTurn();
        return port.post({ type: 'more' });
      case 'prepare':
        return this.prepare(message.revision, JSON.parse(message.common) as Common);
      case 'swap':
        return this.swap(message.revision);
      case 'abort':
        if (this.prepared !== null) await retire(this.prepared.snapshot);
        this.prepared = null;
        return;
      case 'collect':
        this.options.collect(message.id);
    }
  }

  private prepare(revision: number, common: Common): void {
    const { port, setBusy } = this.options;
    setBusy(true);
    try {
      const objects = new Map(this.objects);
      for (const [key, value] of this.pending) {
        if (value === null) objects.delete(key);
        else objects.set(key, value);
      }
      this.pending = [];
      const { snapshot, isBlocked } = compile(setOf(objects, common), {
        ...this.options.compile,
        revision,
        ...(this.snapshot === null ? {} : { previous: this.snapshot }),
      });
      if (isBlocked) throw new Error('the change is blocked');
      this.prepared = { snapshot, objects };
      port.post({ type: 'prepared', revision });
    } catch (error) {
      port.post({ type: 'failed', revision, reason: error instanceof Error ? error.message : String(error) });
    } finally {
      setBusy(false);
    }
  }

  private swap(revision: number): void {
    if (this.prepared === null) return;
    const { snapshot, objects } = this.prepared;
    this.prepared = null;
    this.snapshot = snapshot;
    this.objects = objects;
    this.options.swap(snapshot);
    this.options.port.post({ type: 'swapped', revision });
  }
}

function setOf(objects: ReadonlyMap<string, Pair[1]>, common: Common): ObjectSet {
  const sorted = Object.fromEntries(KINDS.map((kind) => [kind, [] as RawObject[]])) as Record<Kind, RawObject[]>;
  for (const [key, value] of objects) {
    const kind = key.slice(0, key.indexOf('/')) as Kind;
    const id = key.slice(kind.length + 1);
    if (value !== null) sorted[kind].push({ id, value, path: key });
  }
  return { ...EMPTY_OBJECTS, ...common, objects: sorted };
}
