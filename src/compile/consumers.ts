/** Who can call: consumers and credentials by what identifies them. */
import type { Consumer, ConsumerMatch } from '../sdk/exchange.ts';
import { ERRORS } from '../sdk/errors.ts';
import type { ErrorCode } from '../sdk/errors.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { ConsumerObject } from '../model/consumer.ts';
import type { ConsumerIndex } from './chain.ts';
import { mergeConsumer, refusingConsumer } from './merge.ts';
import type { ConsumerPlugins } from './merge.ts';
import { NO_PLUGINS } from './object-plugins.ts';
import type { CredentialUse, ObjectPlugins } from './object-plugins.ts';
import type { AllReadings } from './read-objects.ts';

const NO_LABELS: Consumer['labels'] = Object.freeze({});

/** A consumer as compile made it. Its plugins are for chains alone: they are no part of what plugins see. */
class KnownConsumer implements Consumer {
  readonly username: string;
  readonly groupId: string;
  readonly labels: Consumer['labels'];
  readonly customId: string;
  readonly #plugins: ConsumerPlugins | null;

  constructor(object: ConsumerObject, plugins: ConsumerPlugins | null) {
    const { username, group_id, labels = NO_LABELS } = object;
    this.username = username;
    this.groupId = group_id === undefined ? '' : String(group_id);
    this.labels = Object.freeze(labels);
    this.customId = labels['custom_id'] ?? '';
    this.#plugins = plugins;
    Object.freeze(this);
  }

  static pluginsOf(consumer: Consumer): ConsumerPlugins | null {
    return #plugins in consumer ? consumer.#plugins : null;
  }
}

/** What a consumer brings beside its route; null for nothing, and for a consumer that no configuration knows. */
export function pluginsOfConsumer(consumer: Consumer): ConsumerPlugins | null {
  return KnownConsumer.pluginsOf(consumer);
}

/** A consumer beside what it was made of. */
interface Entry {
  readonly consumer: KnownConsumer;
  readonly object: ConsumerObject;
  readonly plugins: ConsumerPlugins | null;
}

export class Consumers implements ConsumerIndex {
  readonly #byPlugin = new Map<string, Map<string, ConsumerMatch>>();
  readonly #byName = new Map<string, Entry>();

  find(plugin: string, key: string): ConsumerMatch | undefined {
    return this.#byPlugin.get(plugin)?.get(key);
  }

  named(username: string): Consumer | undefined {
    return this.#byName.get(username)?.consumer;
  }

  /** Consumers of groups without a good version, and of groups that are not there, are known and answered with 503. */
  static of(readings: AllReadings, previous: Consumers | null, problems: Problem[]): Consumers {
    const made = new Consumers();
    const ofGroups = new Map<ObjectPlugins, ConsumerPlugins>();
    for (const [username, { value, plugins: own }] of readings.consumers) {
      if (value === null) continue;
      const before = previous === null ? undefined : previous.#byName.get(username);
      const plugins = bring(own, groupOf(value, readings), before?.plugins ?? null, ofGroups);
      const isSame = before !== undefined && before.object === value && before.plugins === plugins;
      made.#byName.set(
        username,
        isSame ? before : { consumer: new KnownConsumer(value, plugins), object: value, plugins },
      );
    }
    const add = (owner: string, credentialId: string, uses: readonly CredentialUse[], path: string): void => {
      const entry = made.#byName.get(owner);
      if (entry === undefined) return;
      for (const { plugin, key, config } of uses) {
        made.#add(
          plugin,
          key,
          { consumer: entry.consumer, credentialId, config },
          { path, previous, problems, readings },
        );
      }
    };
    for (const [username, { raw, plugins }] of readings.consumers) add(username, '', plugins.credentials, raw.path);
    for (const [id, { raw, plugins }] of readings.credentials) {
      const [owner = '', , credentialId = ''] = id.split('/');
      add(owner, credentialId, plugins.credentials, raw.path);
    }
    return made;
  }

  /**
   * A key leads to one consumer. Of two that claim it, the one that had it before keeps it, so that a change never turns
   * one caller into another; otherwise the first.
   */
  #add(plugin: string, key: string, match: ConsumerMatch, at: Surroundings): void {
    let ofPlugin = this.#byPlugin.get(plugin);
    if (ofPlugin === undefined) this.#byPlugin.set(plugin, (ofPlugin = new Map<string, ConsumerMatch>()));
    const holder = ofPlugin.get(key);
    if (holder === undefined) {
      ofPlugin.set(key, match);
      return;
    }
    const before = at.previous?.find(plugin, key);
    const isOlder = before !== undefined && nameOf(before) === nameOf(match);
    if (isOlder) ofPlugin.set(key, match);
    const [kept, left] = isOlder ? [match, holder] : [holder, match];
    at.problems.push({
      path: pathOf(pathOf(isOlder ? pathOfMatch(holder, at.readings) : at.path, 'plugins'), plugin),
      code: 'duplicate',
      message: `${nameOf(left)} identifies itself to "${plugin}" as ${nameOf(kept)} does: give it a key of its own`,
    });
  }
}

interface Surroundings {
  readonly path: string;
  readonly previous: Consumers | null;
  readonly problems: Problem[];
  readonly readings: AllReadings;
}

function nameOf({ consumer, credentialId }: ConsumerMatch): string {
  const name = `the consumer ${quote(consumer.username)}`;
  return credentialId === '' ? name : `the credential ${quote(credentialId)} of ${name}`;
}

function pathOfMatch({ consumer, credentialId }: ConsumerMatch, { consumers, credentials }: AllReadings): string {
  const reading =
    credentialId === ''
      ? consumers.get(consumer.username)
      : credentials.get(`${consumer.username}/credentials/${credentialId}`);
  return reading?.raw.path ?? 'consumers';
}

/** The plugins of a consumer's group; a code where they are not known, and the consumer cannot be served without them. */
function groupOf({ group_id }: ConsumerObject, { consumer_groups }: AllReadings): ObjectPlugins | ErrorCode {
  if (group_id === undefined) return NO_PLUGINS;
  const reading = consumer_groups.get(String(group_id));
  if (reading === undefined) return 'reference_missing';
  return reading.value === null ? 'config_invalid' : reading.plugins;
}

function bring(
  own: ObjectPlugins,
  group: ObjectPlugins | ErrorCode,
  before: ConsumerPlugins | null,
  ofGroups: Map<ObjectPlugins, ConsumerPlugins>,
): ConsumerPlugins | null {
  if (typeof group === 'string') {
    const { status, message } = ERRORS[group];
    return refusingConsumer(own, { status, code: group, message });
  }
  if (own.uses.length === 0 && group.uses.length === 0) return null;
  if (own.uses.length > 0) {
    return before !== null && before.own === own && before.group === group ? before : mergeConsumer(own, group);
  }
  // Consumers without plugins of their own share those of their group, and so their chains.
  let shared = ofGroups.get(group);
  if (shared === undefined) {
    shared =
      before !== null && before.own === NO_PLUGINS && before.group === group
        ? before
        : mergeConsumer(NO_PLUGINS, group);
    ofGroups.set(group, shared);
  }
  return shared;
}
