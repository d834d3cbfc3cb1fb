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
import { metadataSchema, schema } from './schema.ts';

type Config = Infer<typeof schema>;
type Metadata = Infer<typeof metadataSchema>;

interface HeaderNames {
  readonly limit: string;
  readonly remaining: string;
  readonly reset: string;
}

/** One limit, ready to be asked. */
interface Limit {
  readonly space: string;
  readonly key: (exchange: Exchange) => string | undefined;
  /**
   * Where requests without a key are counted by address; null: they are not counted. A space of its own: otherwise a
   * client could write the address of another one into the header that is the key, and use up what that one has.
   */
  readonly addressSpace: string | null;
  readonly count: (exchange: Exchange) => number;
  readonly window_s: (exchange: Exchange) => number;
  readonly headers: HeaderNames;
}

interface Asked {
  readonly headers: HeaderNames;
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
  metadataSchema,
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
  create(config, host, metadata) {
    const { rejected_code, rejected_msg, allow_degradation, show_limit_quota_header, window_type } = config;
    const limits = limitsOf(config, metadata as Metadata);
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
          const own = limit.key(exchange);
          const space = own === undefined ? limit.addressSpace : limit.space;
          if (space === null) continue;
          const count = limit.count(exchange);
          const window_s = limit.window_s(exchange);
          if (count === 0 || window_s === 0) {
            if (allow_degradation) continue;
            return undetermined;
          }
          const query = { key: own ?? exchange.remoteAddress, limit: count, window_ms: window_s * 1000, cost: 1 };
          const { isAllowed, remaining, reset_ms } = decide.call(host.counters, space, query);
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
            response.setHeader(headers.limit, String(limit));
            response.setHeader(headers.remaining, String(remaining));
            response.setHeader(headers.reset, String(reset_s));
          }
        },
      }),
    };
  },
});

function limitsOf(config: Config, metadata: Metadata): Limit[] {
  const { group } = config;
  // A space of that name belongs to everything with the same group; others are this instance's own. The group comes
  // last: whatever it is called, it cannot pass for another one's rule.
  const spaceOf = (use: string): string => (group === undefined ? use : `group/${use}/${group}`);
  if (config.rules !== undefined) {
    return config.rules.map((rule, index) => ({
      space: spaceOf(`rule ${index}`),
      addressSpace: null,
      key: compileKey('var_combination', rule.key),
      count: compileAmount(rule.count),
      window_s: compileAmount(rule.time_window),
      headers: headersOf(prefixOf(rule, index)),
    }));
  }
  return [
    {
      space: spaceOf('key'),
      addressSpace: spaceOf('address'),
      key: compileKey(config.key_type, config.key),
      count: compileAmount(config.count as number | string),
      window_s: compileAmount(config.time_window as number | string),
      headers: {
        limit: metadata.limit_header,
        remaining: metadata.remaining_header,
        reset: metadata.reset_header,
      },
    },
  ];
}

function headersOf(prefix: string): HeaderNames {
  const start = `X-${prefix}-RateLimit-`;
  return { limit: `${start}Limit`, remaining: `${start}Remaining`, reset: `${start}Reset` };
}

function prefixOf(rule: { readonly header_prefix?: string }, index: number): string {
  return rule.header_prefix ?? String(index + 1);
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
  if (config.key !== 'remote_addr' || config.key_type !== 'var') {
    problems.push({
      path: 'key',
      message: '"key" and "key_type" do not go with "rules": each rule has a key of its own',
    });
  }
  const prefixes = new Map<string, number>();
  config.rules.forEach((rule, index) => {
    const prefix = prefixOf(rule, index).toLowerCase();
    const other = prefixes.get(prefix);
    prefixes.set(prefix, index);
    if (other !== undefined) {
      const message = `the headers of rules[${other}] begin with X-${prefixOf(rule, index)}- too: give each rule a prefix of its own`;
      problems.push({ path: `rules[${index}].header_prefix`, message });
    }
    amount(`rules[${index}].count`, rule.count);
    amount(`rules[${index}].time_window`, rule.time_window);
    key(`rules[${index}].key`, 'var_combination', rule.key);
  });
  return problems;
}
