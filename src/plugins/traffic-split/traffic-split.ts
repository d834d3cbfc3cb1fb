import { checkExpression, compileExpression, definePlugin } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, Host, Infer, PluginUses, Upstream, UpstreamUse } from '../../sdk/index.ts';
import type { ConditionSource } from '../../sdk/conditions.ts';
import { sourceWithBody } from '../body-conditions.ts';
import { compileTemplate } from '../template.ts';
import { schema } from './schema.ts';
import { chooseByKey, WeightedTurns } from './split.ts';

type Config = Infer<typeof schema>;
type RuleConfig = Config['rules'][number];

/** What APISIX does not take in an upstream that stands in a rule. */
const ONLY_IN_OBJECTS = ['service_name', 'discovery_type', 'checks', 'retries', 'retry_timeout', 'desc', 'labels'];

/** Seconds; APISIX's own for such an upstream. */
const TIMEOUT_S = 15;

interface Rule {
  readonly needsBody: boolean;
  matches(source: ConditionSource): boolean;
  /** Null for that of the route. */
  choose(exchange: Exchange): Upstream | null;
}

export default definePlugin({
  name: 'traffic-split',
  priority: 966,
  kind: 'traffic',
  summary: 'Sends requests to other upstreams, by conditions and by weight.',
  schema,
  buffers: 'request',
  examples: [
    {
      title: 'A canary: two of five requests',
      config: {
        rules: [
          {
            weighted_upstreams: [{ upstream: { nodes: { '10.0.0.2:8080': 1 } }, weight: 2 }, { weight: 3 }],
          },
        ],
      },
    },
    {
      title: 'Who asks for the new release',
      config: {
        rules: [
          {
            match: [{ vars: [['http_release', '==', 'new_release']] }],
            weighted_upstreams: [{ upstream: { nodes: { '10.0.0.2:8080': 1 } } }],
          },
        ],
      },
    },
  ],
  check({ rules }) {
    return rules.flatMap((rule, i) => checkRule(rule, `rules[${i}]`));
  },
  uses: ({ rules }) => usesOf(rules),
  create({ rules }, host) {
    const compiled = rules.map((rule, i) => compileRule(rule, `rules[${i}]`, host));
    const needsBody = compiled.some((rule) => rule.needsBody);
    const decide = (exchange: Exchange, source: ConditionSource): void => {
      const upstream = compiled.find((rule) => rule.matches(source))?.choose(exchange) ?? null;
      if (upstream !== null) exchange.useUpstream(upstream);
    };
    return {
      access(exchange) {
        if (needsBody) return sourceWithBody(exchange).then((source) => decide(exchange, source));
        decide(exchange, exchange);
        return undefined;
      },
    };
  },
});

function checkRule({ match = [], weighted_upstreams }: RuleConfig, path: string): ConfigProblem[] {
  const problems = match.flatMap(({ vars = [] }, i) =>
    vars.length === 0
      ? []
      : checkExpression(vars).map((fault) => ({
          path: `${path}.match[${i}].vars${fault.path}`,
          message: fault.message,
        })),
  );
  for (const [i, { upstream_id, upstream }] of weighted_upstreams.entries()) {
    const at = `${path}.weighted_upstreams[${i}]`;
    if (upstream_id !== undefined && upstream !== undefined) {
      problems.push({ path: at, message: 'has "upstream_id" and "upstream": keep one of them' });
    }
    for (const name of ONLY_IN_OBJECTS) {
      if (upstream?.[name] === undefined) continue;
      const message = `is not available here: make an upstream object, and name it in "upstream_id"`;
      problems.push({ path: `${at}.upstream.${name}`, message });
    }
  }
  return problems;
}

function pathOf(rule: string, index: number, { upstream_id }: { readonly upstream_id?: unknown }): string {
  return `${rule}.weighted_upstreams[${index}].${upstream_id === undefined ? 'upstream' : 'upstream_id'}`;
}

function usesOf(rules: readonly RuleConfig[]): PluginUses {
  const upstreams = rules.flatMap(({ weighted_upstreams }, i) =>
    weighted_upstreams.flatMap((item, k): UpstreamUse[] => {
      const path = pathOf(`rules[${i}]`, k, item);
      const { upstream_id, upstream } = item;
      if (upstream_id !== undefined) return [{ path, id: upstream_id }];
      if (upstream === undefined) return [];
      const timeout = { connect: TIMEOUT_S, send: TIMEOUT_S, read: TIMEOUT_S };
      return [{ path, object: { timeout, ...upstream } }];
    }),
  );
  return { upstreams };
}

function compileRule({ match = [], weighted_upstreams, sticky_key }: RuleConfig, path: string, host: Host): Rule {
  const lists = match.flatMap(({ vars = [] }) => (vars.length === 0 ? [] : [compileExpression(vars)]));
  // One without conditions always matches.
  const isAlways = lists.length < match.length || match.length === 0;
  const weights = weighted_upstreams.map(({ weight }) => weight);
  const upstreams = weighted_upstreams.map((item, i) =>
    item.upstream_id === undefined && item.upstream === undefined ? null : host.upstream(pathOf(path, i, item)),
  );
  const turns = new WeightedTurns(weights);
  const keyOf = sticky_key === undefined ? null : compileTemplate(sticky_key);
  const sole = upstreams.length === 1 && weights[0] !== 0 ? upstreams[0] : undefined;
  return {
    needsBody: !isAlways && lists.some((list) => list.needsBody),
    matches: (source) => isAlways || lists.some((list) => list.evaluate(source) === true),
    choose(exchange) {
      if (sole !== undefined) return sole;
      const key = keyOf === null ? '' : keyOf(exchange, null);
      return upstreams[key === '' ? turns.next() : chooseByKey(key, weights)] ?? null;
    },
  };
}
