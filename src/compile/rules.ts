/** What is wrong with an object that only the router, the balancers or the plugins can tell. */
import { checkCidr } from '../router/cidr.ts';
import { normalizePattern } from '../router/path.ts';
import type { Kind } from '../model/object-set.ts';
import type { Report } from '../model/object-model.ts';
import type { ObjectOf } from '../model/models.ts';
import { quote } from '../model/problem.ts';
import type { RouteObject } from '../model/route.ts';
import { checkPlugin, checkPlugins } from './plugins.ts';
import type { PluginPlace, PluginRegistry } from './plugins.ts';
import { checkBalancer } from './upstream.ts';

/** What the rules depend on besides the object. */
export interface RuleContext {
  readonly plugins: PluginRegistry;
  readonly mergeSlashes: boolean;
}

type Rules = { readonly [K in Kind]?: (value: ObjectOf<K>, context: RuleContext, report: Report) => void };

interface WithPlugins {
  readonly plugins?: Readonly<Record<string, unknown>>;
}

const pluginsIn =
  (place: PluginPlace) =>
  (value: WithPlugins, context: RuleContext, report: Report): void =>
    checkPlugins(value.plugins, place, context.plugins, report);

export const RULES: Rules = {
  routes(route, context, report) {
    checkMatch(route, context, report);
    if (route.upstream !== undefined) checkBalancer(route.upstream, 'upstream.', report);
    checkPlugins(route.plugins, 'route', context.plugins, report);
  },
  services(service, context, report) {
    if (service.upstream !== undefined) checkBalancer(service.upstream, 'upstream.', report);
    checkPlugins(service.plugins, 'route', context.plugins, report);
  },
  upstreams: (upstream, _, report) => checkBalancer(upstream, '', report),
  consumers: pluginsIn('consumer'),
  credentials: pluginsIn('consumer'),
  consumer_groups: pluginsIn('route'),
  plugin_configs: pluginsIn('route'),
  global_rules: pluginsIn('route'),
  plugin_metadata(metadata, context, report) {
    const { id, create_time: _created, update_time: _updated, ...attributes } = metadata;
    checkPlugin(id, { place: 'metadata', attributes, path: '' }, context.plugins, report);
  },
};

/** The part of a route that decides which requests it matches. */
export function checkMatch(route: RouteObject, context: RuleContext, report: Report): void {
  const checkUri = (uri: string, path: string): void => {
    if (normalizePattern(uri, context.mergeSlashes) !== null) return;
    report(path, 'invalid_value', `${quote(uri)} matches no request: begin with "/" and stay below it`, uri);
  };
  if (route.uri !== undefined) checkUri(route.uri, 'uri');
  route.uris?.forEach((uri, i) => checkUri(uri, `uris[${i}]`));
  const checkAddress = (address: string, path: string): void => {
    const wrong = checkCidr(address);
    if (wrong !== null) report(path, 'invalid_value', wrong, address);
  };
  if (route.remote_addr !== undefined) checkAddress(route.remote_addr, 'remote_addr');
  route.remote_addrs?.forEach((address, i) => checkAddress(address, `remote_addrs[${i}]`));
}
