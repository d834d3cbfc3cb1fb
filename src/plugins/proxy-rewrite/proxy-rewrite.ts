import { isIPv6 } from 'node:net';
import { type ConfigProblem, definePlugin, type Reply } from '../../sdk/index.ts';
import { compileHeaderActions } from '../header-actions.ts';
import type { Captures } from '../template.ts';
import { changesOf, headersProblems } from './header-changes.ts';
import { compilePathRule, forward, pathProblems } from './path-rule.ts';
import { schema } from './schema.ts';

/** The client chose a value that would lead out of the place that the configuration gave it. */
const REFUSAL: Reply = Object.freeze({
  status: 400,
  code: 'path_not_allowed',
  body: Object.freeze({ message: 'dot segments are not allowed here' }),
});

export default definePlugin({
  name: 'proxy-rewrite',
  priority: 1_008,
  kind: 'transformation',
  summary: 'Changes what the upstream is asked for: path, arguments, method, host, header fields.',
  schema,
  examples: [
    { title: 'Strip a prefix', config: { regex_uri: ['^/api/(.*)', '/$1'] } },
    { title: 'Tell the upstream who calls', config: { headers: { set: { 'X-Caller': '$consumer_name' } } } },
    { title: 'Another path, with an argument', config: { uri: '/search?lang=en' } },
  ],
  check: (config) => [...pathProblems(config), ...hostProblems(config.host), ...headersProblems(config)],
  create(config) {
    const { method, host } = config;
    const pathRule = compilePathRule(config);
    const changeHeaders = compileHeaderActions(changesOf(config));
    return {
      rewrite(exchange) {
        const { request } = exchange;
        let captures: Captures = null;
        if (pathRule !== null) {
          const decision = pathRule.decide(exchange);
          captures = decision.captures;
          if (decision.target !== null && !forward(exchange, decision.target, pathRule.allowsDotSegments))
            return REFUSAL;
        }
        if (method !== undefined) request.setMethod(method);
        if (host !== undefined) request.setHost(host);
        changeHeaders?.(request, exchange, captures);
        return undefined;
      },
    };
  },
});

/** What the pattern of the schema leaves open. */
function hostProblems(host = 'a'): ConfigProblem[] {
  const [, address, port = '0'] = /^(?:\[(.*)\])?.*?(?::([0-9]+))?$/.exec(host) ?? [];
  const problems: ConfigProblem[] = [];
  if (address !== undefined && !isIPv6(address))
    problems.push({ path: 'host', message: `"${address}" is no IPv6 address` });
  if (Number(port) > 65_535) problems.push({ path: 'host', message: `${port} is no port: the highest is 65535` });
  return problems;
}
