import {
  definePlugin,
  exchangeKey,
  type ConfigProblem,
  type Exchange,
  type Infer,
  type Reply,
} from '../../sdk/index.ts';
import { checkAmount, compileAmount } from './amount.ts';
import { checkKey, compileKey, type KeyType } from './limit-key.ts';
import { schema } from './schema.ts';

type Config = Infer<typeof schema>;

/** One limit, ready to be asked. */
interface Limit {
  readonly space: string;
  readonly key: (exchange: Exchange) => string | undefined;
  readonly count: (exchange: Exchange) => number;
  readonly window_s: (exchange: Exchange) => number;
  /** `X-RateLimit-`, or with a prefix of the rule's own. */
  readonly headers: string;
}

interface Asked {
  readonly headers: string;
  readonly limit: number;
  readonly remaining: number;
  readonly reset_s: number;
}

export default definePlugin({
  name: 'limit-count',
  priority: 1_002,
  kind: 'traffic',
  summary: 'Lets so many requests pass in a window of time, and refuses the others.',
  schema,
  examples: [
    { title: 'Two requests in a minute from each address', config: { count: 2, time_window: 60, rejected_code: 429 } },
    {
      title: 'By consumer and address',
      config: {
        count: 100,
        time_window: 60,
        key_type: 'var_combination',
        key: '$consumer_name $remote_addr',
        rejected_code: 429,
      },
    },
    {
      title: 'Two limits at once',
      config: {
        rules: [
          { count: 5, time_window: 1, key: '$remote_addr', header_prefix: 'Burst' },
          { count: 1000, time_window: 3600, key: '$remote_addr', header_prefix: 'Hour' },
        ],
        rejected_code: 429,
      },
    },
  ],
  check,
  create(config, host) {
    const { rejected_code, rejected_msg, allow_degradation, show_limit_quota_header, window_type } = config;
    const limits = limitsOf(config);
    const asked = exchangeKey<Asked[]>('limit-count');
    const body = Object.freeze({ error_msg: rejected_msg ?? 'the limit of requests is reached' });
    const undetermined: Reply = Object.freeze({
      status: 500,
      code: 'limit_undetermined',
      body: Object.freeze({ error_msg: 'the limit of requests cannot be determined' }),
    });
    const decide = window_type === 'sliding' ? host.counters.slidingWindow : host.counters.fixedWindow;

    return {
      access(exchange) {
        const answers: Asked[] = [];
        exchange.set(asked, answers);
        for (const limit of limits) {
          const key = limit.key(exchange);
          if (key === undefined) continue;
          const count = limit.count(exchange);
          const window_s = limit.window_s(exchange);
          if (count === 0 || window_s === 0) {
            if (allow_degradation) continue;
            return undetermined;
          }
          const query = { key, limit: count, window_ms: window_s * 1000, cost: 1 };
          const { isAllowed, remaining, reset_ms } = decide.call(host.counters, limit.space, query);
          const reset_s = Math.ceil(reset_ms / 1000);
          answers.push({ headers: limit.headers, limit: count, remaining, reset_s });
          if (isAllowed) continue;
          return {
            status: rejected_code,
            code: 'limit_count',
            headers: { 'Retry-After': String(Math.max(1, reset_s)) },
            body,
          };
        }
        return undefined;
      },
      ...(show_limit_quota_header && {
        responseHead(exchange) {
          const { response } = exchange;
          for (const { headers, limit, remaining, reset_s } of exchange.get(asked) ?? []) {
            response.setHeader(`${headers}Limit`, String(limit));
            response.setHeader(`${headers}Remaining`, String(remaining));
            response.setHeader(`${headers}Reset`, String(reset_s));
          }
        },
      }),
    };
  },
});

function limitsOf(config: Config): Limit[] {
  const { group } = config;
  // A space of that name belongs to everything with the same group; others are this instance's own.
  const space = group === undefined ? 'count' : `group/${group}`;
  if (config.rules !== undefined) {
    return config.rules.map((rule, index) => ({
      space: `${space}#${index}`,
      key: compileKey('var_combination', rule.key),
      count: compileAmount(rule.count as number | string),
      window_s: compileAmount(rule.time_window as number | string),
      headers: `X-${rule.header_prefix ?? index + 1}-RateLimit-`,
    }));
  }
  const key = compileKey(config.key_type, config.key);
  return [
    {
      space,
      key: (exchange) => key(exchange) ?? exchange.remoteAddress,
      count: compileAmount(config.count as number | string),
      window_s: compileAmount(config.time_window as number | string),
      headers: 'X-RateLimit-',
    },
  ];
}

function check(config: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const amount = (path: string, value: unknown): void => {
    const message = checkAmount(value as number | string);
    if (message !== null) problems.push({ path, message });
  };
  const key = (path: string, type: KeyType, value: string): void => {
    const message = checkKey(type, value);
    if (message !== null) problems.push({ path, message });
  };
  if (config.rules === undefined) {
    for (const name of ['count', 'time_window'] as const) {
      if (config[name] === undefined)
        problems.push({ path: name, message: `"${name}" is needed where there are no rules` });
      else amount(name, config[name]);
    }
    key('key', config.key_type, config.key);
    return problems;
  }
  for (const name of ['count', 'time_window'] as const) {
    if (config[name] !== undefined)
      problems.push({ path: name, message: `"${name}" does not go with "rules": put it into one of them` });
  }
  config.rules.forEach((rule, index) => {
    amount(`rules[${index}].count`, rule.count);
    amount(`rules[${index}].time_window`, rule.time_window);
    key(`rules[${index}].key`, 'var_combination', rule.key);
  });
  return problems;
}
