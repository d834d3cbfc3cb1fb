/**
 * What a gateway under test stands on: the plugins' instances, their memory, time and randomness. It serves one gateway
 * after the other: whatever one of them touched is made anew before the next, the rest of a large configuration is not.
 */
import { type CheckedObject, checkedDifferences } from '../compile/checked.ts';
import { retire } from '../compile/compile.ts';
import { Instances } from '../compile/instances.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { HostLog } from '../sdk/host.ts';
import type { PluginInstance } from '../sdk/plugin.ts';
import { hostFactory } from '../threads/host.ts';
import { assembled } from './assembled.ts';
import type { CheckedConfiguration } from './compiled-configuration.ts';
import type { Effects } from './scripted-clients.ts';
import { SeededRandom } from './seeded-random.ts';
import { type LogLine, logInto, Memory, partsFor } from './surroundings.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface StageOptions {
  readonly effects?: Effects;
  /** Which requests are not shed. */
  readonly admits?: (priority: number) => boolean;
}

export class Stage {
  readonly clock = new VirtualClock();
  readonly random = new SeededRandom();
  readonly errorLog: HostLog;
  private readonly memory: Memory;
  private readonly instances: Instances;
  private lines: LogLine[] = [];
  private from: CheckedConfiguration;
  private inForce: Snapshot;
  private isAsBefore = true;
  /** By their keys. */
  private readonly objects: ReadonlyMap<string, CheckedObject>;
  /** Keys of the objects that have instances. */
  private readonly owners = new Map<PluginInstance, string>();

  constructor(configuration: CheckedConfiguration, { effects = {}, admits = () => true }: StageOptions = {}) {
    const { clock, random } = this;
    random.seed(1);
    this.errorLog = logInto((line) => this.lines.push(line));
    this.memory = new Memory(clock, random);
    const { errorLog, memory } = this;
    const { profile } = configuration.settings;
    const parts = partsFor({ clock, random, errorLog, memory, effects, admits, profile });
    this.instances = new Instances(hostFactory({ ...parts, inForce: () => this.inForce }), (owner, error) =>
      this.errorLog.error('plugin_close_fault', { ...owner, error }),
    );
    this.from = configuration;
    this.inForce = assembled(configuration, this.instances, null);
    this.objects = new Map(Array.from(checkedDifferences(undefined, configuration.memory), (one) => [one.key, one]));
    this.noteOwners(null);
  }

  get snapshot(): Snapshot {
    return this.inForce;
  }

  get configuration(): CheckedConfiguration {
    return this.from;
  }

  /** Everything is as at the beginning. @param lines gets what is logged from now on */
  begin(seed: number, start_ms: number, lines: LogLine[]): void {
    this.lines = lines;
    this.random.seed(seed);
    this.clock.restart(start_ms);
    this.memory.clear();
  }

  /** Puts another configuration in force. @returns its Snapshot */
  apply(next: CheckedConfiguration): Snapshot {
    this.isAsBefore = false;
    this.inForce = assembled(next, this.instances, { snapshot: this.inForce, from: this.from });
    this.from = { ...next, plugins: this.from.plugins };
    return this.inForce;
  }

  /**
   * To be called when a gateway is over. @param touched instances that had a part in it
   * @returns whether the stage can serve another one; if not, it is closed
   */
  async clean(touched: ReadonlySet<PluginInstance>): Promise<boolean> {
    const objects = this.isAsBefore ? this.objectsOf(touched) : null;
    if (objects === null) {
      await this.close();
      return false;
    }
    if (objects.length === 0) return true;
    const before = this.inForce;
    const { from } = this;
    const none = objects.map(({ key }) => ({ key, value: null }));
    const without = assembled(from, this.instances, { snapshot: before, from }, none);
    await retire(before);
    this.inForce = assembled(from, this.instances, { snapshot: without, from }, objects);
    await retire(without);
    for (const instance of touched) this.owners.delete(instance);
    this.noteOwners(without);
    return true;
  }

  async close(): Promise<void> {
    await retire(this.inForce);
  }

  /** Those that have these instances; null where one is not known. */
  private objectsOf(touched: ReadonlySet<PluginInstance>): CheckedObject[] | null {
    const objects = new Map<string, CheckedObject>();
    for (const instance of touched) {
      const owner = this.owners.get(instance);
      const object = owner === undefined ? undefined : this.objects.get(owner);
      if (object === undefined) return null;
      objects.set(object.key, object);
    }
    return [...objects.values()];
  }

  private noteOwners(before: Snapshot | null): void {
    const held = this.inForce.memory?.held;
    const known = before?.memory?.held;
    if (held === undefined) return;
    const fresh = known === undefined ? held.values() : Array.from(known.differences(held), ([, , one]) => one);
    for (const one of fresh) if (one !== undefined) this.owners.set(one.instance, one.owner.object);
  }
}
