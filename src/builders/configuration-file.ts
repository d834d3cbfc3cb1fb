/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Route } from './objects/route.ts';
import type { Service } from './objects/service.ts';
import type { Upstream } from './objects/upstream.ts';
import type { Consumer } from './objects/consumer.ts';
import type { Credential } from './objects/credential.ts';
import type { ConsumerGroup } from './objects/consumer-group.ts';
import type { PluginConfig } from './objects/plugin-config.ts';
import type { GlobalRule } from './objects/global-rule.ts';
import type { PluginMetadata } from './objects/plugin-metadata.ts';
import type { Ssl } from './objects/ssl.ts';
import type { StreamRoute } from './objects/stream-route.ts';
import type { Proto } from './objects/proto.ts';
import type { Secret } from './objects/secret.ts';
import type { Settings } from './settings.ts';

/** Everything that a file may say. */
export interface ConfigurationFile {
  /** What a start needs to know. */
  readonly gateway?: Settings;
  /** The enabled plugins; all if absent. */
  readonly plugins?: readonly {
    /** Name of the plugin. Bounds: not empty. */
    readonly name: string;
    /** Whether it is meant for stream routes. */
    readonly stream?: boolean;
  }[];
  readonly routes?: readonly Route[];
  readonly services?: readonly Service[];
  readonly upstreams?: readonly Upstream[];
  readonly consumers?: readonly (Consumer | Credential)[];
  readonly consumer_groups?: readonly ConsumerGroup[];
  readonly plugin_configs?: readonly PluginConfig[];
  readonly global_rules?: readonly GlobalRule[];
  readonly plugin_metadata?: readonly PluginMetadata[];
  readonly ssls?: readonly Ssl[];
  readonly stream_routes?: readonly StreamRoute[];
  readonly protos?: readonly Proto[];
  readonly secrets?: readonly Secret[];
}
