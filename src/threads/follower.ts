/**
 * A worker's side of a change: takes it in pieces, assembles it in slices beside what is in force, while traffic goes on
 * between them, and swaps when all workers can.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assemble, type Assembled, type Change } from '../compile/assemble.ts';
import { CheckedChange } from '../compile/checked.ts';
import { EMPTY_SNAPSHOT, retire } from '../compile/compile.ts';
import type { Instances } from '../compile/instances.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Matching, Snapshot } from '../compile/snapshot.ts';
import type { Problem } from '../model/problem.ts';
import { batches, differences, objectsIn } from './changed-objects.ts';
import type { FromFollower, Port, Prepare, ToFollower } from './messages.ts';

export interface FollowerOptions {
  readonly matching: Matching;
  /** One that does not check, without the plugins that must not run. */
  readonly pluginsWithout: (disabled: ReadonlySet<string>) => PluginRegistry;
  readonly instances: Instances;
  readonly now_ms: () => number;
  /** Puts a Snapshot in force. */
  readonly swap: (snapshot: Snapshot) => void;
}

/** How long a worker is kept from its connections at a time. */
const SLICE_MS = 2;

export class Follower {
  private readonly options: FollowerOptions;
  private session: Session | null = null;
  private plugins: PluginRegistry | null = null;
  private disabled = '';
  private last: Promise<unknown> = Promise.resolve();
  /** In force, once there is one. */
  snapshot: Snapshot | null = null;

  constructor(options: FollowerOptions) {
    this.options = options;
  }

  /** Follows what comes by the port, and no other one any more: what a control began that is gone, nobody will end. */
  connect(port: Port<ToFollower, FromFollower>): void {
    this.session?.end();
    const session = new Session(this, port);
    this.session = session;
    port.receive((message) => void session.take(message));
  }

  /** One after the other: a control that is gone may have begun one. */
  assemble(change: Change, prepare: Prepare): Promise<Assembled> {
    const result = this.last.then(() => this.assembleNow(change, prepare));
    this.last = result.catch(() => undefined);
    return result;
  }

  private async assembleNow(change: Change, { revision, disabled, isWhole }: Prepare): Promise<Assembled> {
    const { matching, instances, now_ms } = this.options;
    const plugins = this.pluginsWithout(disabled);
    const before = isWhole ? undefined : this.snapshot?.memory;
    const steps = assemble(change, { revision, matching, plugins, instances }, before);
    let since_ms = now_ms();
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (now_ms() - since_ms < SLICE_MS) continue;
      await nextTurn();
      since_ms = now_ms();
    }
  }

  swap(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    this.options.swap(snapshot);
  }

  /** The same one as long as the names are the same: another one has everything read again. */
  private pluginsWithout(disabled: readonly string[]): PluginRegistry {
    const names = disabled.join(' ');
    if (this.plugins === null || names !== this.disabled) this.plugins = this.options.pluginsWithout(new Set(disabled));
    this.disabled = names;
    return this.plugins;
  }
}

/** What one control does with this worker. */
class Session {
  private readonly follower: Follower;
  private readonly port: Port<ToFollower, FromFollower>;
  private pending = new CheckedChange();
  private prepared: Snapshot | null = null;
  private telling: Iterator<string> | null = null;
  private hasEnded = false;

  constructor(follower: Follower, port: Port<ToFollower, FromFollower>) {
    this.follower = follower;
    this.port = port;
  }

  async take(message: ToFollower): Promise<void> {
    const { port, follower } = this;
    switch (message.type) {
      case 'greet':
        return port.post({ type: 'at', revision: follower.snapshot?.revision ?? 0 });
      case 'tell':
        return this.tell();
      case 'objects':
        this.pending.add(objectsIn(message.text));
        await nextTurn();
        return port.post({ type: 'more' });
      case 'prepare':
        return this.prepare(message);
      case 'swap':
        return this.swap(message.revision);
      case 'abort':
        return this.abort();
    }
  }

  end(): void {
    this.hasEnded = true;
    this.port.close();
    void this.abort();
  }

  private async tell(): Promise<void> {
    const { snapshot } = this.follower;
    this.telling ??= batches(differences(EMPTY_SNAPSHOT, snapshot ?? EMPTY_SNAPSHOT));
    const next = this.telling.next();
    if (next.done === true) this.telling = null;
    this.port.post({ type: 'told', text: next.done === true ? '' : next.value });
  }

  private async prepare(message: Prepare): Promise<void> {
    const { port, follower } = this;
    const { revision } = message;
    const { change } = this.pending;
    this.pending = new CheckedChange();
    try {
      const assembled = await follower.assemble(change, message);
      this.prepared = assembled.snapshot;
      if (this.hasEnded) return await this.abort();
      const fault = faultIn(change, assembled);
      if (fault === null) return port.post({ type: 'prepared', revision });
      port.post({ type: 'failed', revision, reason: fault });
    } catch (error) {
      port.post({ type: 'failed', revision, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  private swap(revision: number): void {
    const { prepared } = this;
    if (prepared === null) return;
    this.prepared = null;
    this.follower.swap(prepared);
    this.port.post({ type: 'swapped', revision });
  }

  private async abort(): Promise<void> {
    const { prepared } = this;
    this.prepared = null;
    if (prepared !== null) await retire(prepared);
  }
}

/** What was right where it was checked has to be right here: an instance that cannot be made must not pass for a bad object. */
function faultIn({ changed }: Change, { snapshot, findings }: Assembled): string | null {
  // Few have any, and most that have are bad by themselves.
  const faulty = new Map<string, Problem>();
  for (const [key, { read = [] }] of findings) if (read[0] !== undefined) faulty.set(key, read[0]);
  for (const [kind, { id, problem }] of faulty.size === 0 ? [] : changed) {
    const found = problem === undefined ? faulty.get(`${kind}/${id}`) : undefined;
    if (found !== undefined) return `${found.path}: ${found.message}`;
  }
  return snapshot === null ? 'what an object matches is not known here' : null;
}
