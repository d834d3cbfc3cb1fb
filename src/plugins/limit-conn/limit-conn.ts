import {
  definePlugin,
  type ConfigProblem,
  type Exchange,
  type Host,
  type Infer,
  type Place,
  type Reply,
} from '../../sdk/index.ts';
import { checkAmount, compileAmount } from '../limit-amount.ts';
import { checkKey, compileKey, type KeyType, type ReadKey } from '../limit-key.ts';
import { refusal, undeterminedReply, Waiting } from '../limit-policy.ts';
import { checkPolicy, Outage, redisLimits } from '../limit-source.ts';
import { schema } from './schema.ts';

type Config = Infer<typeof schema>;

/** A phase that holds a request back for a minute has failed. */
const LONGEST_DELAY_MS = 50_000;
/** Requests that one worker holds back for one instance. */
const MOST_WAITING = 10_000;

interface Limit {
  readonly space: string;
  /** Where requests without a key are counted by address; null: they are not counted. */
  readonly addressSpace: string | null;
  readonly key: ReadKey;
  readonly conn: (exchange: Exchange) => number;
  readonly burst: (exchange: Exchange) => number;
}

export default definePlugin({
  name: 'limit-conn',
  priority: 1_003,
  kind: 'traffic',
  summary: 'Bounds how many requests are under way at the same time; some more are delayed, the others are refused.',
  schema,
  effects: ['network'],
  examples: [
    {
      title: 'Five requests at once from each address; three more are delayed',
      config: { conn: 5, burst: 3, default_conn_delay: 0.1, key: 'remote_addr', rejected_code: 429 },
    },
    {
      title: 'By consumer, and all consumers of a company together',
      config: {
        default_conn_delay: 0.1,
        rules: [
          { conn: 5, burst: 0, key: '$consumer_name' },
          { conn: 50, burst: 10, key: '$http_x_company' },
        ],
        rejected_code: 429,
      },
    },
  ],
  check,
  create(config, host) {
    const { default_conn_delay, only_use_default_delay } = config;
    const unit_ms = default_conn_delay * 1000;
    const places = placesOf(host, config);
    const limits = limitsOf(config);
    const readAddress = compileKey('var', 'remote_addr', config.ipv6_prefix);
    const refuse = refusal(
      config.rejected_code,
      'limit_conn',
      config.rejected_msg ?? 'too many requests are under way at the same time',
    );
    const undetermined = undeterminedReply('the limit of concurrent requests', config);
    const outage = new Outage(host, config);
    const waiting = new Waiting(MOST_WAITING);

    /** Takes a place of each limit from one on, then waits for as long as the fullest of them says. */
    function ask(exchange: Exchange, from: number, before_ms: number): Outcome {
      let delay_ms = before_ms;
      for (let at = from; at < limits.length; at++) {
        const limit = limits[at]!;
        const own = limit.key(exchange);
        const space = own === undefined ? limit.addressSpace : limit.space;
        if (space === null) continue;
        const conn = limit.conn(exchange);
        const burst = limit.burst(exchange);
        if (conn < 1 || burst < 0) {
          if (undetermined === undefined) continue;
          return undetermined;
        }
        const take = (place: Place | null): number => {
          if (place === null) return -1;
          // However the exchange ends, and at once if it has ended.
          exchange.onOver(() => place.leave());
          const beyond = Math.max(0, Math.min(place.taken - conn, only_use_default_delay ? 1 : Infinity));
          return Math.max(delay_ms, beyond * unit_ms);
        };
        const key = own ?? readAddress(exchange) ?? exchange.remoteAddress;
        const place = places(space, key, conn + burst, exchange);
        if (place instanceof Promise) {
          return place.then(
            (late) => {
              const next_ms = take(late);
              return next_ms < 0 ? refuse(null) : ask(exchange, at + 1, next_ms);
            },
            (error: unknown) => outage.answer(error),
          );
        }
        delay_ms = take(place);
        if (delay_ms < 0) return refuse(null);
      }
      if (delay_ms === 0) return undefined;
      if (waiting.isFull) return refuse(null);
      return waiting.during(exchange.delay(Math.min(delay_ms, LONGEST_DELAY_MS)));
    }

    return { access: (exchange) => ask(exchange, 0, 0) };
  },
});

type Outcome = undefined | Reply | Promise<undefined | Reply>;

/** Takes one of so many places of a key, in a space. */
type TakePlace = (space: string, key: string, most: number, exchange: Exchange) => Place | null | Promise<Place | null>;

function placesOf(host: Host, config: Config): TakePlace {
  const redis = redisLimits(host, config);
  if (redis === null) {
    const spaces = new Map(
      limitsOf(config)
        .flatMap(({ space, addressSpace }) => [space, addressSpace ?? space])
        .map((name) => [name, host.cells.places(name)]),
    );
    return (space, key, most) => spaces.get(space)!.enter(key, most);
  }
  const ttl_ms = config.key_ttl * 1000;
  return async (space, key, most, exchange) => {
    const ticket = { member: exchange.id, ttl_ms };
    // Nobody waits for it: a place that cannot be left is free when its time is up.
    const leave = (): void => void redis.leave(space, key, ticket).catch(() => undefined);
    try {
      const taken = await redis.enter(space, key, most, ticket);
      return taken === 0 ? null : { taken, leave };
    } catch (error) {
      // The server may have done it.
      leave();
      throw error;
    }
  };
}

function limitsOf(config: Config): Limit[] {
  if (config.rules !== undefined) {
    return config.rules.map((rule, index) => ({
      space: `rule ${index}`,
      addressSpace: null,
      key: compileKey('var_combination', rule.key, config.ipv6_prefix),
      conn: compileAmount(rule.conn),
      burst: compileAmount(rule.burst),
    }));
  }
  return [
    {
      space: 'key',
      addressSpace: 'address',
      key: compileKey(config.key_type, config.key, config.ipv6_prefix),
      conn: compileAmount(config.conn as number | string),
      burst: compileAmount(config.burst as number | string),
    },
  ];
}

function check(config: Config): ConfigProblem[] {
  const problems = checkPolicy(config);
  const note = (path: string, message: string | null): void => {
    if (message !== null) problems.push({ path, message });
  };
  const key = (path: string, type: KeyType, value: string): void => note(path, checkKey(type, value));
  const { rules, conn, burst } = config;
  if (rules === undefined) {
    const needed = (name: string): string => `"${name}" is needed where there are no rules`;
    note('conn', conn === undefined ? needed('conn') : checkAmount(conn));
    note('burst', burst === undefined ? needed('burst') : checkAmount(burst, 0));
    key('key', config.key_type, config.key);
    return problems;
  }
  for (const name of ['conn', 'burst'] as const) {
    if (config[name] !== undefined) note(name, `"${name}" does not go with "rules": put it into one of them`);
  }
  if (config.key !== 'remote_addr' || config.key_type !== 'var') {
    note('key', '"key" and "key_type" do not go with "rules": each rule has a key of its own');
  }
  for (const [index, rule] of rules.entries()) {
    note(`rules[${index}].conn`, checkAmount(rule.conn));
    note(`rules[${index}].burst`, checkAmount(rule.burst, 0));
    key(`rules[${index}].key`, 'var_combination', rule.key);
  }
  return problems;
}
