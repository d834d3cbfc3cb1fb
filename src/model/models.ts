/** Every kind of object, by the key that it has in a file. */
import { consumerGroupModel } from './consumer-group.ts';
import { consumerModel } from './consumer.ts';
import { credentialModel } from './credential.ts';
import { globalRuleModel } from './global-rule.ts';
import { pluginConfigModel } from './plugin-config.ts';
import { pluginMetadataModel } from './plugin-metadata.ts';
import { protoModel } from './proto.ts';
import { routeModel } from './route.ts';
import { secretModel } from './secret.ts';
import { serviceModel } from './service.ts';
import { sslModel } from './ssl.ts';
import { streamRouteModel } from './stream-route.ts';
import { upstreamModel } from './upstream.ts';

export const MODELS = {
  routes: routeModel,
  services: serviceModel,
  upstreams: upstreamModel,
  consumers: consumerModel,
  credentials: credentialModel,
  consumer_groups: consumerGroupModel,
  plugin_configs: pluginConfigModel,
  global_rules: globalRuleModel,
  plugin_metadata: pluginMetadataModel,
  ssls: sslModel,
  stream_routes: streamRouteModel,
  protos: protoModel,
  secrets: secretModel,
} as const;

/** The typed form of an object of a kind. */
export type ObjectOf<K extends keyof typeof MODELS> = NonNullable<ReturnType<(typeof MODELS)[K]['read']>['value']>;
