/** A consumer as exchanges carry it, and what it brings beside its route. */
import type { ConsumerObject } from '../model/consumer.ts';
import type { Consumer } from '../sdk/exchange.ts';
import type { ConsumerPlugins } from './merge.ts';

const NO_LABELS: Consumer['labels'] = Object.freeze({});

/** Its plugins are for chains alone: they are no part of what plugins see. */
export class KnownConsumer implements Consumer {
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
