/** What is wrong with an object that only the router and the balancers can tell. */
import { checkCidr } from '../router/cidr.ts';
import { checkExpression } from '../router/expression.ts';
import { normalizePattern } from '../router/path.ts';
import { checkHost, checkUri } from '../router/pattern.ts';
import type { Kind } from '../model/object-set.ts';
import type { Report } from '../model/object-model.ts';
import type { ObjectOf } from '../model/models.ts';
import { quote } from '../model/problem.ts';
import type { RouteObject } from '../model/route.ts';
import type { Matching } from './snapshot.ts';
import { checkBalancer } from './upstream.ts';

/** What the rules depend on besides the object. */
export interface RuleContext {
  readonly matching: Matching;
}

type Rules = { readonly [K in Kind]?: (value: ObjectOf<K>, context: RuleContext, report: Report) => void };

export const RULES: Rules = {
  routes(route, context, report) {
    checkMatch(route, context, report);
    if (route.upstream !== undefined) checkBalancer(route.upstream, 'upstream.', report);
  },
  services(service, _, report) {
    service.hosts?.forEach((host, i) => {
      const fault = checkHost(host);
      if (fault !== null) report(`hosts[${i}]`, 'invalid_value', fault, host);
    });
    if (service.upstream !== undefined) checkBalancer(service.upstream, 'upstream.', report);
  },
  upstreams: (upstream, _, report) => checkBalancer(upstream, '', report),
};

/** The part of a route that decides which requests it matches. */
export function checkMatch(route: RouteObject, { matching }: RuleContext, report: Report): void {
  const each = (one: string | undefined, all: readonly string[] | undefined, name: string, check: Check): void => {
    if (one !== undefined) reportFault(check(one), name, one);
    all?.forEach((text, i) => reportFault(check(text), `${name}s[${i}]`, text));
  };
  const reportFault = (fault: string | null, path: string, text: string): void => {
    if (fault !== null) report(path, 'invalid_value', fault, text);
  };
  each(route.uri, route.uris, 'uri', (uri) => {
    const pattern = normalizePattern(uri, matching.mergeSlashes);
    if (pattern !== null) return checkUri(pattern, matching.mode);
    return `${quote(uri)} matches no request: begin with "/" and stay below it`;
  });
  each(route.host, route.hosts, 'host', checkHost);
  each(route.remote_addr, route.remote_addrs, 'remote_addr', checkCidr);
  for (const { path, message } of checkExpression(route.vars ?? [])) report(`vars${path}`, 'invalid_value', message);
}

/** What is wrong with a text, null if nothing is. */
type Check = (text: string) => string | null;
