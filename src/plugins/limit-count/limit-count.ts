import {
  definePlugin,
  type ConfigProblem,
  type Consumer,
  type Counters,
  type Exchange,
  type Host,
  type Infer,
  type LimitDecision,
  type Reply,
} from '../../sdk/index.ts';
import { checkAmount, compileAmount } from '../limit-amount.ts';
import { headerNames, type HeaderNames, NOTED_QUOTAS, type Quota, quotaKey, quotaPhase } from '../limit-headers.ts';
import { checkKey, compileKey, type KeyType, type ReadKey, type Variables } from '../limit-key.ts';
import { refusal, undeterminedReply } from '../limit-policy.ts';
import { keyText, quotaOf } from '../limit-quota.ts';
import type { RedisLimits } from '../limit-redis.ts';
import { checkPolicy, type LimitSource, Outage, redisLimits } from '../limit-source.ts';
import { SyncedLimits } from '../limit-sync.ts';
import { metadataSchema, schema } from './schema.ts';

type Config = Infer<typeof schema>;
type Metadata = Infer<typeof metadataSchema>;

/** One limit, ready to be asked. */
interface Limit {
  readonly space: string;
  readonly key: ReadKey;
  readonly keyText: string;
  /**
   * Where requests without a key are counted by address; null: they are not counted. A space of its own: otherwise a
   * client could write the address of another one into the header that is the key, and use up what that one has.
   */
  readonly addressSpace: string | null;
  readonly count: (exchange: Variables) => number;
  readonly window_s: (exchange: Variables) => number;
  readonly headers: HeaderNames;
  /** In RateLimit and RateLimit-Policy. */
  readonly policy: string;
}

interface Amounts {
  readonly most: number;
  readonly window_s: number;
}

export default definePlugin({
  name: 'limit-count',
  priority: 1_002,
  kind: 'traffic',
  summary: 'Lets so many requests pass in a window of time, and refuses the others.',
  schema,
  metadataSchema,
  effects: ['network'],
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
    const limits = limitsOf(config, metadata as Metadata);
    const readAddress = compileKey('var', 'remote_addr', config.ipv6_prefix);
    const readCost = compileAmount(config.cost);
    const quotas = quotaKey('limit-count');
    const responseHead = quotaPhase(config, quotas);
    const message = config.rejected_msg ?? 'the limit of requests is reached';
    const refuse = refusal(config.rejected_code, 'limit_count', message);
    const undetermined = undeterminedReply('the limit of requests', config);
    const outage = new Outage(host, config);
    const redis = redisLimits(host, config);
    const synced = redis === null ? null : syncedLimits(host, redis, config);
    const source: Pick<LimitSource, 'fixedWindow' | 'slidingWindow'> = redis ?? host.counters;
    const decide: LimitSource['fixedWindow'] =
      synced !== null
        ? (space, query) => synced.fixedWindow(space, query)
        : config.window_type === 'sliding'
          ? source.slidingWindow
          : source.fixedWindow;

    /** Asks the limits from one on, one after the other: what one refuses, the later ones do not count. */
    function ask(
      exchange: Exchange,
      answers: Quota[],
      cost: number,
      from: number,
    ): undefined | Reply | Promise<undefined | Reply> {
      for (let at = from; at < limits.length; at++) {
        const limit = limits[at]!;
        const own = limit.key(exchange);
        const space = own === undefined ? limit.addressSpace : limit.space;
        if (space === null) continue;
        const most = limit.count(exchange);
        const window_s = limit.window_s(exchange);
        if (cost < 0 || most < 1 || window_s < 1) {
          if (undetermined === undefined) continue;
          return undetermined;
        }
        const key = own ?? readAddress(exchange) ?? exchange.remoteAddress;
        const decision = decide.call(source, space, { key, limit: most, window_ms: window_s * 1000, cost });
        if (decision instanceof Promise) {
          return decision.then(
            (late) => take(answers, limit, { most, window_s }, late) ?? ask(exchange, answers, cost, at + 1),
            (error: unknown) => outage.answer(error),
          );
        }
        const reply = take(answers, limit, { most, window_s }, decision);
        if (reply !== undefined) return reply;
      }
      return undefined;
    }

    /** Notes how a limit stands. */
    function take(answers: Quota[], limit: Limit, amounts: Amounts, decision: LimitDecision): Reply | undefined {
      const { headers, policy } = limit;
      const { isAllowed, remaining, reset_ms } = decision;
      const { most, window_s } = amounts;
      answers.push({ headers, policy, limit: most, window_s, remaining, reset_s: Math.ceil(reset_ms / 1000) });
      return isAllowed ? undefined : refuse(reset_ms);
    }

    return {
      access(exchange) {
        const answers: Quota[] = [];
        exchange.set(quotas, answers);
        exchange.get(NOTED_QUOTAS)?.push({ plugin: 'limit-count', quotas: answers });
        return ask(exchange, answers, readCost(exchange), 0);
      },
      quotas: (consumer, counters) => quotasFor(consumer, limits, config, counters),
      ...(responseHead !== null && { responseHead }),
      ...(synced !== null && { close: () => synced.close() }),
    };
  },
});

function quotasFor(
  consumer: Consumer,
  limits: readonly Limit[],
  { policy: counted_in, window_type, group }: Config,
  counters: Counters,
) {
  const kind = window_type === 'sliding' ? 'slidingWindow' : 'fixedWindow';
  return limits.map((one) =>
    quotaOf(
      {
        policy: one.policy,
        key: one.keyText,
        counted_in,
        ...(group !== undefined && { group }),
        readKey: one.key,
        limit: one.count,
        window_s: one.window_s,
        ask: (key, limit, window_s) => counters[kind](one.space, { key, limit, window_ms: window_s * 1000, cost: 0 }),
      },
      consumer,
    ),
  );
}

/** Null where every request is counted at once. */
function syncedLimits(host: Host, redis: RedisLimits, { sync_interval = -1 }: Config): SyncedLimits | null {
  if (sync_interval < 0) return null;
  return new SyncedLimits({
    redis,
    interval_ms: sync_interval * 1000,
    clock: host.clock,
    startTimer: (delay_ms, onExpired) => host.startTimer(delay_ms, onExpired),
  });
}

function limitsOf(config: Config, metadata: Metadata): Limit[] {
  const { group } = config;
  // A space of that name belongs to everything with the same group; others are this instance's own. The group comes
  // last: whatever it is called, it cannot pass for another one's rule.
  const spaceOf = (use: string): string => (group === undefined ? use : `group/${use}/${group}`);
  if (config.rules !== undefined) {
    return config.rules.map((rule, index) => ({
      space: spaceOf(`rule ${index}`),
      addressSpace: null,
      key: compileKey('var_combination', rule.key, config.ipv6_prefix),
      keyText: keyText('var_combination', rule.key),
      count: compileAmount(rule.count),
      window_s: compileAmount(rule.time_window),
      headers: headersOf(prefixOf(rule, index)),
      policy: prefixOf(rule, index),
    }));
  }
  return [
    {
      space: spaceOf('key'),
      addressSpace: spaceOf('address'),
      key: compileKey(config.key_type, config.key, config.ipv6_prefix),
      keyText: keyText(config.key_type, config.key),
      count: compileAmount(config.count as number | string),
      window_s: compileAmount(config.time_window as number | string),
      headers: headerNames(metadata),
      policy: 'default',
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

/** What is wrong with `sync_interval`, null if nothing is. */
function intervalFault({ sync_interval = -1, policy, window_type, time_window, rules = [] }: Config): string | null {
  if (sync_interval === -1) return null;
  if (sync_interval < 0.1) return `${sync_interval} is neither -1 nor 0.1 or more`;
  if (policy === 'local')
    return 'has nothing to be told to with policy local: leave it out, or set a policy with Redis';
  if (window_type === 'sliding') return 'is for fixed windows: what is told late cannot be weighed by when it was';
  const windows = [time_window, ...rules.map((rule) => rule.time_window)].map(Number);
  const shortest = Math.min(...windows.filter((window) => window > 0));
  if (sync_interval < shortest) return null;
  return `${sync_interval} is no shorter than a window of ${shortest} s, which would end before anybody hears of it`;
}

function check(config: Config): ConfigProblem[] {
  const problems = checkPolicy(config);
  const wrongInterval = intervalFault(config);
  if (wrongInterval !== null) problems.push({ path: 'sync_interval', message: wrongInterval });
  const wrongCost = checkAmount(config.cost, 0);
  if (wrongCost !== null) problems.push({ path: 'cost', message: wrongCost });
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
