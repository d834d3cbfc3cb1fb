import { checkExpression, compileExpression, definePlugin, exchangeKey } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, Infer, PhaseResult, PluginInstance, Schema } from '../../sdk/index.ts';
import type { ConditionSource } from '../../sdk/conditions.ts';
import { sourceWithBody } from '../body-conditions.ts';

const schema = {
  type: 'object',
  required: ['rules'],
  properties: {
    rules: {
      type: 'array',
      minItems: 1,
      maxItems: 1_000,
      description: 'The first one whose case holds decides.',
      items: {
        type: 'object',
        required: ['actions'],
        properties: {
          case: {
            type: 'array',
            minItems: 1,
            items: {},
            description: 'Conditions on variables, all of which must hold; without it, the rule always decides.',
          },
          actions: {
            type: 'array',
            minItems: 1,
            maxItems: 1,
            description:
              'What happens: `[return, { code: … }]` answers; `[limit-count, …]` and `[limit-conn, …]` run that plugin with these attributes, in place of the one that the route may have.',
            items: { type: 'array', minItems: 2, maxItems: 2, items: {} },
          },
        },
      },
    },
  },
} as const satisfies Schema;

type Config = Infer<typeof schema>;
type RuleConfig = Config['rules'][number];

/** Plugins that can be an action. */
const ACTIONS: readonly string[] = ['limit-count', 'limit-conn'];

interface Rule {
  readonly needsBody: boolean;
  matches(source: ConditionSource): boolean;
  act(exchange: Exchange): PhaseResult;
}

interface Actions {
  pluginOf(rule: number): PluginInstance;
  onActed(exchange: Exchange, instance: PluginInstance): void;
}

export default definePlugin({
  name: 'workflow',
  priority: 1_006,
  kind: 'traffic',
  summary: 'Answers or limits requests by conditions.',
  schema,
  buffers: 'request',
  examples: [
    {
      title: 'One path is refused',
      config: { rules: [{ case: [['uri', '==', '/anything/rejected']], actions: [['return', { code: 403 }]] }] },
    },
    {
      title: 'A limit for some requests',
      config: {
        rules: [
          {
            case: [
              ['uri', '==', '/anything/rate-limit'],
              ['arg_env', '==', 'v1'],
            ],
            actions: [['limit-count', { count: 1, time_window: 60, rejected_code: 429 }]],
          },
        ],
      },
    },
  ],
  check({ rules }) {
    return rules.flatMap((rule, i) => checkRule(rule, `rules[${i}]`));
  },
  uses({ rules }) {
    const plugins = rules.flatMap((rule, i) => {
      const { name, config } = actionOf(rule);
      return ACTIONS.includes(name) ? [{ path: pathOf(i), name, config }] : [];
    });
    return { plugins };
  },
  create({ rules }, host) {
    // The plugin that was run, for its later phases. Of each instance, as a global rule may have a workflow beside the route.
    const actedKey = exchangeKey<PluginInstance>('workflow action');
    const actions: Actions = {
      pluginOf: (rule) => host.plugin(pathOf(rule)),
      onActed: (exchange, instance) => exchange.set(actedKey, instance),
    };
    const compiled = rules.map((rule, i) => compileRule(rule, i, actions));
    const needsBody = compiled.some((rule) => rule.needsBody);
    const decide = (exchange: Exchange, source: ConditionSource): PhaseResult =>
      compiled.find((rule) => rule.matches(source))?.act(exchange);
    return {
      access(exchange) {
        if (!needsBody) return decide(exchange, exchange);
        return sourceWithBody(exchange).then((source) => decide(exchange, source));
      },
      responseHead: (exchange) => exchange.get(actedKey)?.responseHead?.(exchange),
      log: (exchange) => exchange.get(actedKey)?.log?.(exchange),
    };
  },
});

const pathOf = (rule: number): string => `rules[${rule}].actions[0][1]`;

function actionOf({ actions: [action = []] }: RuleConfig): { readonly name: string; readonly config: unknown } {
  const [name, config] = action;
  return { name: typeof name === 'string' ? name : '', config };
}

function checkRule(rule: RuleConfig, path: string): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const fault of rule.case === undefined ? [] : checkExpression(rule.case)) {
    problems.push({ path: `${path}.case${fault.path}`, message: fault.message });
  }
  const { name, config } = actionOf(rule);
  const at = `${path}.actions[0]`;
  if (name !== 'return' && !ACTIONS.includes(name)) {
    const message = `${JSON.stringify(rule.actions[0]?.[0])} is no action: write return, limit-count or limit-conn`;
    problems.push({ path: `${at}[0]`, message });
  } else if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    problems.push({ path: `${at}[1]`, message: 'the attributes of an action are an object' });
  } else if (name === 'return') problems.push(...checkReturn(config as Readonly<Record<string, unknown>>, `${at}[1]`));
  else if (Object.hasOwn(config, 'group')) {
    problems.push({ path: `${at}[1].group`, message: 'a limit of a workflow has no group: leave it out' });
  }
  return problems;
}

function checkReturn(config: Readonly<Record<string, unknown>>, path: string): ConfigProblem[] {
  const { code, ...more } = config;
  const problems = Object.keys(more).map((name) => ({ path: `${path}.${name}`, message: 'return has "code" alone' }));
  if (!Number.isInteger(code) || Number(code) < 200 || Number(code) > 599) {
    problems.push({ path: `${path}.code`, message: `${JSON.stringify(code)} is no status: write one from 200 to 599` });
  }
  return problems;
}

function compileRule(rule: RuleConfig, index: number, actions: Actions): Rule {
  const expression = rule.case === undefined ? null : compileExpression(rule.case);
  return {
    needsBody: expression?.needsBody === true,
    matches: (source) => expression === null || expression.evaluate(source) === true,
    act: compileAction(rule, index, actions),
  };
}

function compileAction(rule: RuleConfig, index: number, { pluginOf, onActed }: Actions): Rule['act'] {
  const { name, config } = actionOf(rule);
  if (name === 'return') {
    const { code } = config as { readonly code: number };
    const body = Object.freeze({ error_msg: 'rejected by workflow' });
    return () => ({ status: code, code: 'rejected_by_workflow', body });
  }
  const instance = pluginOf(index);
  return (exchange) => {
    // Counted here, it must not be counted again by the plugin of the route.
    exchange.skipPlugin(name);
    onActed(exchange, instance);
    return instance.access?.(exchange);
  };
}
