/**
 * The instances of plugins, across Snapshots: one is reused as long as plugin, owner, configuration and metadata are the
 * same, and closed when the last Snapshot that holds it is over.
 */
import { hash } from 'node:crypto';
import type { Host, Owner, Upstream } from '../sdk/host.ts';
import type { PluginInstance } from '../sdk/plugin.ts';
import { canonicalText } from '../model/canonical.ts';
import { PersistentMap } from './persistent-map.ts';
import type { Metadata, PluginShape } from './plugins.ts';

/** Gives each instance its view of the gateway. Called once per instance, before `create`. */
export type HostFor = (owner: Owner, grants: Grants) => Host;

/** What an instance has a right to beyond what all have. */
export interface Grants {
  /** Whether its plugin declared that it reaches beyond the gateway. */
  readonly mayConnect: boolean;
  /** Upstreams and instances of other plugins that its configuration names, by their path there. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly plugins: ReadonlyMap<string, PluginInstance>;
  /** Has `end` called when the instance was closed. */
  onClose(end: () => void): void;
}

/** What else an instance is made with. */
export interface Surroundings {
  readonly metadata: Metadata;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly plugins: ReadonlyMap<string, HeldInstance>;
}

/** Told of instances whose `close` threw or rejected; they count as closed. */
export type CloseFault = (owner: Owner, error: unknown) => void;

/** An instance beside what it was made of. */
export interface HeldInstance {
  readonly instance: PluginInstance;
  readonly shape: PluginShape;
  readonly owner: Owner;
  /** Plugin, owner, configuration and metadata: equal for equal instances. */
  readonly key: string;
}

/** Each takes microseconds, but a change of everything has tens of thousands. */
const CLOSED_AT_ONCE = 32;
const SWEPT_AT_ONCE = 128;

type HeldMap = PersistentMap<HeldInstance>;

interface Entry extends HeldInstance {
  /** To be called after it was closed. */
  readonly ends: readonly (() => void)[];
}

export class Instances {
  private readonly hostFor: HostFor;
  private readonly onCloseFault: CloseFault;
  private readonly pause: (() => Promise<void>) | null;
  private readonly entries = new Map<string, Entry>();
  /** Given out since the last Snapshot was kept: perhaps none holds them yet, or none any more. */
  private fresh = new Set<HeldInstance>();
  /** Made, and not prepared yet. */
  private unprepared: Entry[] = [];
  /** Few: the one in force, those with exchanges that are not over, and one that is being prepared. */
  private readonly kept = new Map<object, HeldMap>();

  /** @param pause lets others run while many instances are closed; null closes them all at once */
  constructor(
    hostFor: HostFor,
    onCloseFault: CloseFault = () => undefined,
    pause: (() => Promise<void>) | null = null,
  ) {
    this.hostFor = hostFor;
    this.onCloseFault = onCloseFault;
    this.pause = pause;
  }

  /** How many are open. */
  get size(): number {
    return this.entries.size;
  }

  /**
   * The instance for a configuration, made if there is none. Throws what `create` throws, and TypeError if that returned
   * no instance.
   */
  obtain(shape: PluginShape, object: string, config: unknown, around: Surroundings): HeldInstance {
    const configHash = digest(canonicalText(config));
    const key = `${shape.name} ${object} ${configHash} ${besideText(around)}`;
    const known = this.entries.get(key);
    if (known !== undefined && known.shape === shape) {
      this.fresh.add(known);
      return known;
    }
    const owner: Owner = Object.freeze({ plugin: shape.name, object, configHash });
    const ends: (() => void)[] = [];
    const host = this.hostFor(owner, {
      mayConnect: shape.definition.effects?.includes('network') === true,
      upstreams: around.upstreams,
      plugins: new Map(Array.from(around.plugins, ([path, { instance }]) => [path, instance])),
      onClose: (end) => void ends.push(end),
    });
    const created: unknown = shape.definition.create(config as never, host, around.metadata.config);
    const entry: Entry = { instance: checked(created), shape, owner, key, ends };
    this.entries.set(key, entry);
    this.fresh.add(entry);
    if (entry.instance.prepare !== undefined) this.unprepared.push(entry);
    return entry;
  }

  /** Those that were made since the last call, and have something to prepare. */
  takeUnprepared(): readonly HeldInstance[] {
    const { unprepared } = this;
    this.unprepared = [];
    return unprepared;
  }

  /**
   * Keeps the instances of a Snapshot that may come into force, until `retire`; what was made for nothing is closed.
   * @param hold stands for the Snapshot, which need not be kept for it
   * @param held all of its instances by their keys
   * @yields wherever it may be interrupted; others must not be made for another Snapshot meanwhile
   */
  *keep(hold: object, held: HeldMap): Generator<void> {
    this.kept.set(hold, held);
    yield* this.sweep();
  }

  /** Closes the instances that were made for a Snapshot that never came to be. @yields wherever it may be interrupted */
  *sweep(): Generator<void> {
    let looked = 0;
    for (const one of this.fresh) {
      this.fresh.delete(one);
      if (!this.isHeld(one)) void this.close(one as Entry);
      if (++looked % SWEPT_AT_ONCE === 0) yield;
    }
  }

  /**
   * To be called once the Snapshot is replaced and its last exchange is over; a second call does nothing. Closes the
   * instances that no other Snapshot holds. Resolves when they are closed; never rejects.
   */
  async retire(hold: object): Promise<void> {
    const held = this.kept.get(hold);
    if (held === undefined) return;
    this.kept.delete(hold);
    if (this.pause !== null) await this.pause();
    // The last one shares most with it: the rest is quickly looked through.
    const next = [...this.kept.values()].at(-1) ?? PersistentMap.empty<HeldInstance>();
    const closing: Promise<void>[] = [];
    for (const [, one] of held.differences(next)) {
      if (one === undefined || this.isHeld(one)) continue;
      closing.push(this.close(one as Entry));
      if (this.pause !== null && closing.length % CLOSED_AT_ONCE === 0) await this.pause();
    }
    await Promise.all(closing);
  }

  /** Also by a Snapshot that is still being made. */
  private isHeld(one: HeldInstance): boolean {
    if (this.fresh.has(one)) return true;
    for (const held of this.kept.values()) if (held.get(one.key) === one) return true;
    return false;
  }

  private async close(entry: Entry): Promise<void> {
    // Another one may have its place already: a plugin whose code changed keeps its name.
    if (this.entries.get(entry.key) === entry) this.entries.delete(entry.key);
    try {
      await entry.instance.close?.();
    } catch (error) {
      this.onCloseFault(entry.owner, error);
    }
    for (const end of entry.ends) end();
  }
}

const MEMBERS = [
  'prepare',
  'rewrite',
  'access',
  'beforeProxy',
  'responseHead',
  'responseBody',
  'log',
  'quotas',
  'close',
] as const;

function checked(created: unknown): PluginInstance {
  if (typeof created !== 'object' || created === null) throw new TypeError('create returned no instance');
  const instance = created as Readonly<Record<string, unknown>>;
  for (const name of MEMBERS) {
    const member = instance[name];
    if (member !== undefined && typeof member !== 'function') throw new TypeError(`${name} is no function`);
  }
  const { attempts = {} } = instance;
  if (typeof attempts !== 'object' || attempts === null) throw new TypeError('attempts is no object');
  for (const [name, member] of Object.entries(attempts)) {
    if (member !== undefined && typeof member !== 'function') throw new TypeError(`attempts.${name} is no function`);
  }
  return created;
}

/** What else makes two instances different: metadata, and the instances that they use. */
function besideText({ metadata, plugins }: Surroundings): string {
  const texts = [metadata.text, ...Array.from(plugins.values(), ({ key }) => key)];
  return texts.every((text) => text === '') ? '' : digest(texts.join('\n'));
}

function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32);
}
