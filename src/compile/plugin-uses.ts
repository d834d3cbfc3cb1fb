/** What the configuration of a plugin names beside itself: upstreams, and other plugins with their attributes. */
import { reporter } from '../model/object-model.ts';
import { pathOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { upstreamModel } from '../model/upstream.ts';
import type { Upstream } from '../sdk/host.ts';
import type { PluginUses, UpstreamUse } from '../sdk/plugin.ts';
import type { HeldInstance } from './instances.ts';
import type { CompiledUpstream, Snapshot } from './snapshot.ts';
import { checkBalancer, compileUpstream } from './upstream.ts';

/** An upstream that exchanges can be sent to. */
export class UsedUpstream implements Upstream {
  readonly key: string;
  readonly #compiled: CompiledUpstream | null;

  /** @param compiled null for an upstream object, which may change: it is looked up when it is needed */
  constructor(key: string, compiled: CompiledUpstream | null) {
    this.key = key;
    this.#compiled = compiled;
  }

  /** Undefined if there is no such upstream object now. */
  in(snapshot: Snapshot): CompiledUpstream | undefined {
    return this.#compiled ?? snapshot.upstreams?.get(this.key)?.compiled;
  }
}

/** A reference to an upstream object: followed once all objects are read. */
export interface UpstreamReference {
  /** Below the object that has the plugin. */
  readonly path: string;
  readonly id: string | number;
}

export interface ReadUses {
  readonly upstreams: ReadonlyMap<string, UsedUpstream>;
  readonly plugins: ReadonlyMap<string, HeldInstance>;
  readonly references: readonly UpstreamReference[];
  /** Those that stand in the configuration itself. */
  readonly inline: readonly CompiledUpstream[];
}

export const NO_USES: ReadUses = Object.freeze({
  upstreams: new Map<string, UsedUpstream>(),
  plugins: new Map<string, HeldInstance>(),
  references: Object.freeze([]),
  inline: Object.freeze([]),
});

export interface UsesPlace {
  readonly plugin: string;
  /** `routes/7`. */
  readonly object: string;
  /** Of the plugin's attributes. */
  readonly path: string;
  /** See `RawObject`. */
  readonly isChecked: boolean;
}

/** Reads the upstreams that a configuration names. What is wrong with them goes to `problems` and `unknown`. */
export function readUpstreams(
  uses: PluginUses,
  { plugin, object, path, isChecked }: UsesPlace,
  { problems, unknown }: { readonly problems: Problem[]; readonly unknown: Problem[] },
): Omit<ReadUses, 'plugins'> {
  const upstreams = new Map<string, UsedUpstream>();
  const references: UpstreamReference[] = [];
  const inline: CompiledUpstream[] = [];
  for (const use of uses.upstreams ?? []) {
    if (use.id === undefined) {
      const key = `${object}/${plugin}/${use.path}`;
      const place = { key, path: joined(path, use.path), isChecked };
      const compiled = readInline(use, place, { problems, unknown });
      if (compiled === null) continue;
      inline.push(compiled);
      upstreams.set(use.path, new UsedUpstream(key, compiled));
    } else {
      references.push({ path: joined(pathOf('plugins', plugin), use.path), id: use.id });
      upstreams.set(use.path, new UsedUpstream(`upstreams/${use.id}`, null));
    }
  }
  return { upstreams, references, inline };
}

function readInline(
  { object }: UpstreamUse,
  { key, path, isChecked }: { readonly key: string; readonly path: string; readonly isChecked: boolean },
  found: { readonly problems: Problem[]; readonly unknown: Problem[] },
): CompiledUpstream | null {
  const value = typeof object === 'object' && object !== null ? (object as Readonly<Record<string, unknown>>) : {};
  const read = upstreamModel.read({ id: '', value, path, isChecked });
  found.problems.push(...read.problems);
  found.unknown.push(...read.unknown);
  if (read.value === null) return null;
  const broken: Problem[] = [];
  checkBalancer(read.value, '', reporter(path, broken));
  found.problems.push(...broken);
  return broken.length === 0 ? compileUpstream(read.value, key) : null;
}

/** `below` may begin with a bracket. */
export function joined(path: string, below: string): string {
  return below === '' ? path : below.startsWith('[') ? `${path}${below}` : `${path}.${below}`;
}
