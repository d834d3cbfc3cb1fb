/**
 * A worker's side of a change: takes it in pieces, assembles it in slices beside what is in force, while traffic goes on
 * between them, and swaps when all workers can.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assemble, type Assembled } from '../compile/assemble.ts';
import { changeOfChecked, type CheckedObject } from '../compile/checked.ts';
import { retire } from '../compile/compile.ts';
import type { Instances } from '../compile/instances.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Matching, Snapshot } from '../compile/snapshot.ts';
import type { FromFollower, Port, ToFollower } from './messages.ts';

export interface FollowerOptions {
  readonly port: Port<ToFollower, FromFollower>;
  readonly matching: Matching;
  /** One that does not check, without the plugins that must not run. */
  readonly pluginsWithout: (disabled: ReadonlySet<string>) => PluginRegistry;
  readonly instances: Instances;
  readonly now_ms: () => number;
  /** Puts a Snapshot in force. */
  readonly swap: (snapshot: Snapshot) => void;
  readonly collect: (id: number) => void;
}

/** How long a worker is kept from its connections at a time. */
const SLICE_MS = 2;

type Pair = readonly [key: string, value: CheckedObject['value']];

/** Follows what comes by the port. */
export function follow(options: FollowerOptions): void {
  const follower = new Follower(options);
  options.port.receive((message) => void follower.take(message));
}

class Follower {
  private readonly options: FollowerOptions;
  /** In force, once there is one. */
  private snapshot: Snapshot | null = null;
  private pending: CheckedObject[] = [];
  private plugins: PluginRegistry | null = null;
  private disabled = '';
  private prepared: Snapshot | null = null;

  constructor(options: FollowerOptions) {
    this.options = options;
  }

  async take(message: ToFollower): Promise<void> {
    const { port } = this.options;
    switch (message.type) {
      case 'objects':
        for (const [key, value] of JSON.parse(message.text) as Pair[]) this.pending.push({ key, value });
        await nextTurn();
        return port.post({ type: 'more' });
      case 'prepare':
        return this.prepare(message.revision, message.disabled);
      case 'swap':
        return this.swap(message.revision);
      case 'abort':
        return this.abort();
      case 'collect':
        return this.options.collect(message.id);
    }
  }

  private async prepare(revision: number, disabled: readonly string[]): Promise<void> {
    const { port, pluginsWithout } = this.options;
    const names = disabled.join(' ');
    if (this.plugins === null || names !== this.disabled) this.plugins = pluginsWithout(new Set(disabled));
    this.disabled = names;
    const { plugins } = this;
    const objects = this.pending;
    this.pending = [];
    try {
      const assembled = await this.assemble(objects, revision, plugins);
      this.prepared = assembled.snapshot;
      const fault = faultIn(objects, assembled);
      if (fault === null) return port.post({ type: 'prepared', revision });
      port.post({ type: 'failed', revision, reason: fault });
    } catch (error) {
      port.post({ type: 'failed', revision, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  private async assemble(
    objects: readonly CheckedObject[],
    revision: number,
    plugins: PluginRegistry,
  ): Promise<Assembled> {
    const { matching, instances, now_ms } = this.options;
    const options = { revision, matching, plugins, instances };
    const steps = assemble(changeOfChecked(objects), options, this.snapshot?.memory);
    let since_ms = now_ms();
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (now_ms() - since_ms < SLICE_MS) continue;
      await nextTurn();
      since_ms = now_ms();
    }
  }

  private swap(revision: number): void {
    const { prepared } = this;
    if (prepared === null) return;
    this.prepared = null;
    this.snapshot = prepared;
    this.options.swap(prepared);
    this.options.port.post({ type: 'swapped', revision });
  }

  private async abort(): Promise<void> {
    const { prepared } = this;
    this.prepared = null;
    if (prepared !== null) await retire(prepared);
  }
}

/** What was right where it was checked has to be right here: an instance that cannot be made must not pass for a bad object. */
function faultIn(objects: readonly CheckedObject[], { snapshot, findings }: Assembled): string | null {
  for (const { key, value } of objects) {
    if (value === null || 'bad' in value) continue;
    const [problem] = findings.get(key)?.read ?? [];
    if (problem !== undefined) return `${problem.path}: ${problem.message}`;
  }
  return snapshot === null ? 'what an object matches is not known here' : null;
}
