/** Who can call: consumers and credentials by what identifies them. */
import type { ConsumerObject } from '../model/consumer.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { ERRORS } from '../sdk/errors.ts';
import type { ErrorCode } from '../sdk/errors.ts';
import type { Consumer, ConsumerMatch } from '../sdk/exchange.ts';
import type { ConsumerIndex, ConsumerProof } from './chain.ts';
import { KnownConsumer } from './known-consumer.ts';
import { mergeConsumer, refusingConsumer } from './merge.ts';
import type { ConsumerPlugins } from './merge.ts';
import { NO_PLUGINS } from './object-plugins.ts';
import type { ObjectPlugins } from './object-plugins.ts';
import type { PersistentMap } from './persistent-map.ts';
import type { AllReadings } from './read-objects.ts';

/** What one consumer, or one credential, is compiled from. */
interface Source {
  readonly username: string;
  /** '' for the consumer itself. */
  readonly credentialId: string;
  readonly path: string;
  /** Null for a credential. */
  readonly object: ConsumerObject | null;
  readonly plugins: ObjectPlugins;
  /** Of the consumer's group; a code where they are not known, and the consumer cannot be served without them. */
  readonly group: ObjectPlugins | ErrorCode;
}

/** A consumer beside what it was made of. */
interface Entry {
  readonly consumer: KnownConsumer;
  readonly object: ConsumerObject;
  readonly plugins: ConsumerPlugins | null;
}

interface Identified {
  readonly match: ConsumerMatch;
  readonly source: Source;
}

export class Consumers implements ConsumerIndex {
  /** In their order; consumers before credentials. */
  readonly sources: readonly Source[];
  /** Keys are secrets: they are looked up, never shown. */
  readonly byPlugin = new Map<string, Map<string, Identified>>();
  readonly byName = new Map<string, Entry>();
  /** By id and consumer, once they are asked for. */
  private credentials: Map<string, ObjectPlugins> | null = null;
  /** Whether a key was claimed twice. */
  isAmbiguous = false;
  /** Plugins by which a consumer or credential identifies nobody, since another one has its key; by `kind/id`. */
  readonly outdone = new Map<string, Set<string>>();

  constructor(sources: readonly Source[]) {
    this.sources = sources;
  }

  find(plugin: string, key: string): ConsumerMatch | undefined {
    return this.byPlugin.get(plugin)?.get(key)?.match;
  }

  named(username: string): Consumer | undefined {
    return this.byName.get(username)?.consumer;
  }

  proofOf(username: string, credentialId: string): ConsumerProof | undefined {
    const consumer = this.named(username);
    if (consumer === undefined) return undefined;
    if (credentialId === '') return { consumer, credential: null };
    this.credentials ??= new Map(this.sources.map((one) => [`${one.credentialId} ${one.username}`, one.plugins]));
    const credential = this.credentials.get(`${credentialId} ${username}`);
    return credential === undefined ? undefined : { consumer, credential };
  }
}

/**
 * The index of all good consumers and credentials; the previous one if nothing about them changed. A consumer whose group
 * is not there, or has no good version, is known, and every exchange of it is answered with 503.
 */
export function compileConsumers(
  readings: AllReadings,
  order: ConsumerOrder | null,
  previous: Consumers | null,
  problems: Problem[],
): Consumers {
  const sources = sourcesOf(readings, order);
  if (previous !== null && isMadeOf(previous, sources)) return previous;
  const index = new Consumers(sources);
  const ofGroups = new Map<ObjectPlugins, ConsumerPlugins>();
  for (const source of sources) {
    const { username, object } = source;
    if (object === null) continue;
    const before = previous?.byName.get(username);
    const plugins = bring(source, before?.plugins ?? null, ofGroups);
    const isSame = before !== undefined && before.object === object && before.plugins === plugins;
    index.byName.set(username, isSame ? before : { consumer: new KnownConsumer(object, plugins), object, plugins });
  }
  for (const source of sources) {
    const consumer = index.byName.get(source.username)?.consumer;
    // The credentials of a consumer that is left out are left out with it.
    if (consumer === undefined) continue;
    for (const { plugin, key, config } of source.plugins.credentials) {
      const match = { consumer, credentialId: source.credentialId, config };
      identify(index, previous, { plugin, key, identified: { match, source } }, problems);
    }
  }
  return index;
}

/** The ids in the order that decides where two have the same key. */
export interface ConsumerOrder {
  readonly consumers: readonly string[];
  readonly credentials: readonly string[];
}

function* inOrderOf<T>(readings: PersistentMap<T>, order: readonly string[] | undefined): Generator<[string, T]> {
  if (order === undefined) yield* readings.entries();
  for (const id of order ?? []) {
    const reading = readings.get(id);
    if (reading !== undefined) yield [id, reading];
  }
}

function sourcesOf({ consumers, credentials, consumer_groups }: AllReadings, order: ConsumerOrder | null): Source[] {
  const sources: Source[] = [];
  const groupOf = (id: string | number): Source['group'] => {
    const reading = consumer_groups.get(String(id));
    if (reading === undefined) return 'reference_missing';
    return reading.value === null ? 'config_invalid' : reading.plugins;
  };
  for (const [username, { raw, value, plugins }] of inOrderOf(consumers, order?.consumers)) {
    if (value === null) continue;
    const group = value.group_id === undefined ? NO_PLUGINS : groupOf(value.group_id);
    sources.push({ username, credentialId: '', path: raw.path, object: value, plugins, group });
  }
  for (const [id, { raw, plugins }] of inOrderOf(credentials, order?.credentials)) {
    const [username = '', , credentialId = ''] = id.split('/');
    sources.push({ username, credentialId, path: raw.path, object: null, plugins, group: NO_PLUGINS });
  }
  return sources;
}

/** An ambiguous index is made again each time, so that its problems stay. */
function isMadeOf({ sources: before, isAmbiguous }: Consumers, sources: readonly Source[]): boolean {
  if (isAmbiguous || before.length !== sources.length) return false;
  return sources.every((source, i) => {
    const other = before[i];
    return (
      other !== undefined &&
      source.username === other.username &&
      source.credentialId === other.credentialId &&
      source.object === other.object &&
      source.plugins === other.plugins &&
      source.group === other.group
    );
  });
}

interface Claim {
  readonly plugin: string;
  readonly key: string;
  readonly identified: Identified;
}

/**
 * A key leads to one consumer. Of two that claim it, the one that had it before keeps it, so that a change never turns one
 * caller into another; otherwise the first.
 */
function identify(index: Consumers, previous: Consumers | null, claim: Claim, problems: Problem[]): void {
  const { plugin, key, identified } = claim;
  let ofPlugin = index.byPlugin.get(plugin);
  if (ofPlugin === undefined) index.byPlugin.set(plugin, (ofPlugin = new Map<string, Identified>()));
  const holder = ofPlugin.get(key);
  if (holder === undefined) {
    ofPlugin.set(key, identified);
    return;
  }
  index.isAmbiguous = true;
  const before = previous?.byPlugin.get(plugin)?.get(key)?.source;
  const hadIt = before !== undefined && nameOf(before) === nameOf(identified.source);
  if (hadIt) ofPlugin.set(key, identified);
  const [kept, left] = hadIt ? [identified.source, holder.source] : [holder.source, identified.source];
  const { username, credentialId } = left;
  const object = credentialId === '' ? `consumers/${username}` : `credentials/${username}/credentials/${credentialId}`;
  index.outdone.set(object, new Set([...(index.outdone.get(object) ?? []), plugin]));
  problems.push({
    path: pathOf(pathOf(left.path, 'plugins'), plugin),
    code: 'duplicate',
    message: `${nameOf(left)} identifies itself to "${plugin}" as ${nameOf(kept)} does: give it a key of its own`,
  });
}

function nameOf({ username, credentialId }: Source): string {
  const name = `the consumer ${quote(username)}`;
  return credentialId === '' ? name : `the credential ${quote(credentialId)} of ${name}`;
}

/** The plugins of a consumer with those of its group, null for none. */
function bring(
  { plugins: own, group }: Source,
  before: ConsumerPlugins | null,
  ofGroups: Map<ObjectPlugins, ConsumerPlugins>,
): ConsumerPlugins | null {
  if (typeof group === 'string') {
    const { status, message } = ERRORS[group];
    return refusingConsumer(own, { status, code: group, message });
  }
  if (own.uses.length === 0 && group.uses.length === 0) return null;
  const isSame = before !== null && before.group === group;
  if (own.uses.length > 0) return isSame && before.own === own ? before : mergeConsumer(own, group);
  // Consumers without plugins of their own share those of their group, and so their chains.
  const shared =
    ofGroups.get(group) ?? (isSame && before.own === NO_PLUGINS ? before : mergeConsumer(NO_PLUGINS, group));
  ofGroups.set(group, shared);
  return shared;
}
