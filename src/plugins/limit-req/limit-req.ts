import {
  definePlugin,
  type ConfigProblem,
  type Infer,
  type LeakyDecision,
  type Reply,
  type Schema,
} from '../../sdk/index.ts';
import { checkKey, compileKey, KEY_ATTRIBUTES } from '../limit-key.ts';
import { DEGRADATION, POLICY_ATTRIBUTES, refusal, REFUSAL_ATTRIBUTES, Waiting } from '../limit-policy.ts';
import { checkPolicy, type LimitSource, Outage, redisLimits } from '../limit-source.ts';

/** A phase that holds a request back for a minute has failed. */
const LONGEST_DELAY_S = 50;
/** Requests that one worker holds back for one instance. */
const MOST_WAITING = 10_000;

const schema = {
  type: 'object',
  required: ['rate', 'burst', 'key'],
  properties: {
    rate: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 1_000_000_000,
      description: 'Requests a second. What comes faster waits for its turn, as far as burst allows.',
    },
    burst: {
      type: 'number',
      minimum: 0,
      maximum: 1_000_000_000,
      description: 'Requests that may wait; all others are refused.',
    },
    nodelay: {
      type: 'boolean',
      default: false,
      description: 'Whether what burst allows passes at once, instead of at the rate.',
    },
    ...KEY_ATTRIBUTES,
    key: {
      type: 'string',
      minLength: 1,
      description: 'By what requests are counted; where the request has no such value, by its address.',
    },
    ...REFUSAL_ATTRIBUTES,
    allow_degradation: DEGRADATION,
    ...POLICY_ATTRIBUTES,
  },
} as const satisfies Schema;

type Config = Infer<typeof schema>;

export default definePlugin({
  name: 'limit-req',
  priority: 1_001,
  kind: 'traffic',
  summary:
    'Lets requests pass at an even rate: a bounded number of those that come faster waits, the others are refused.',
  schema,
  effects: ['network'],
  examples: [
    {
      title: 'Ten requests a second from each address; twenty more wait for their turn',
      config: { rate: 10, burst: 20, key: 'remote_addr', rejected_code: 429 },
    },
    {
      title: 'The same for each consumer, without waiting',
      config: { rate: 10, burst: 20, key: 'consumer_name', nodelay: true, rejected_code: 429 },
    },
  ],
  check,
  create(config, host) {
    const { rate, burst, nodelay, key_type, key, ipv6_prefix } = config;
    const readKey = compileKey(key_type, key, ipv6_prefix);
    const readAddress = compileKey('var', 'remote_addr', ipv6_prefix);
    const refuse = refusal(config.rejected_code, 'limit_req', config.rejected_msg ?? 'requests come too fast');
    const outage = new Outage(host, config);
    const source: LimitSource = redisLimits(host, config) ?? host.counters;
    const waiting = new Waiting(MOST_WAITING);
    return {
      access(exchange): undefined | Reply | Promise<undefined | Reply> {
        const own = readKey(exchange);
        const space = own === undefined ? 'address' : 'key';
        const counted = own ?? readAddress(exchange) ?? exchange.remoteAddress;
        const take = ({ isAllowed, delay_ms, reset_ms }: LeakyDecision): undefined | Reply | Promise<undefined> => {
          if (!isAllowed) return refuse(reset_ms);
          if (nodelay || delay_ms < 1) return undefined;
          if (waiting.isFull) return refuse(delay_ms);
          return waiting.during(exchange.delay(delay_ms));
        };
        const decision = source.leakyBucket(space, { key: counted, rate, burst });
        if (!(decision instanceof Promise)) return take(decision);
        return decision.then(take, (error: unknown) => outage.answer(error));
      },
    };
  },
});

function check(config: Config): ConfigProblem[] {
  const { rate, burst, nodelay, key_type, key } = config;
  const problems = checkPolicy(config);
  const message = checkKey(key_type, key);
  if (message !== null) problems.push({ path: 'key', message });
  const longest_s = burst / rate;
  if (!nodelay && longest_s > LONGEST_DELAY_S) {
    const most = `${Math.floor(LONGEST_DELAY_S * rate)}`;
    problems.push({
      path: 'burst',
      message: `${burst} at a rate of ${rate} lets requests wait for ${Math.round(longest_s)} s: at most ${LONGEST_DELAY_S} s are possible, a burst of ${most}; or set nodelay`,
    });
  }
  return problems;
}
