/** One object at a time, as compile would judge it: for those who must know before it is stored. */
import type { Kind, RawObject } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import { inertHost } from './inert-host.ts';
import { Instances } from './instances.ts';
import { PluginReader } from './object-plugins.ts';
import type { CredentialUse } from './object-plugins.ts';
import type { PluginRegistry } from './plugins.ts';
import { checkObject } from './read-objects.ts';
import type { Matching } from './snapshot.ts';

export interface CheckedByItself {
  readonly problems: readonly Problem[];
  /** Unknown attributes, at the object itself and at its plugins. */
  readonly unknown: readonly Problem[];
  /** What identifies a consumer or credential. */
  readonly credentials: readonly CredentialUse[];
}

export class ObjectChecker {
  private readonly plugins: PluginRegistry;
  private readonly matching: Matching;
  private readonly instances = new Instances(inertHost);

  /** @param plugins the enabled ones */
  constructor(plugins: PluginRegistry, matching: Matching) {
    this.plugins = plugins;
    this.matching = matching;
  }

  /**
   * Shape, cross-field rules, plugins: everything but references to others.
   * @param metadata the `plugin_metadata` in force, with their ids
   */
  check(kind: Kind, raw: RawObject, metadata: Iterable<RawObject> = []): CheckedByItself {
    const reader = new PluginReader(this.plugins, this.instances);
    for (const one of metadata) {
      const read = reader.read('plugin_metadata', one, one.value, undefined).plugins.metadata;
      if (read !== null) reader.takeMetadata(one.id, read);
    }
    const { problems, unknown, plugins } = checkObject(
      kind,
      raw,
      { plugins: reader, matching: this.matching },
      undefined,
    );
    for (const _ of this.instances.sweep()) continue;
    return { problems, unknown, credentials: plugins.credentials };
  }
}
