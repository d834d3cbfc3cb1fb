import {
  definePlugin,
  type BucketDecision,
  type ConfigProblem,
  type Infer,
  type Reply,
  type Schema,
} from '../../sdk/index.ts';
import { amountSchema, checkAmount, compileAmount } from '../limit-amount.ts';
import {
  headerNames,
  NOTED_QUOTAS,
  QUOTA_ATTRIBUTES,
  QUOTA_METADATA,
  quotaKey,
  quotaPhase,
  type QuotaMetadata,
} from '../limit-headers.ts';
import { checkKey, compileKey, KEY, KEY_ATTRIBUTES } from '../limit-key.ts';
import { ALL_POLICY_ATTRIBUTES, DEGRADATION, refusal, REFUSAL_ATTRIBUTES, undeterminedReply } from '../limit-policy.ts';
import { keyText, quotaOf } from '../limit-quota.ts';
import { checkPolicy, type LimitSource, Outage, redisLimits } from '../limit-source.ts';

const schema = {
  type: 'object',
  required: ['rate', 'capacity'],
  properties: {
    rate: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 1_000_000_000,
      description: 'Tokens that come into the bucket in a second.',
    },
    capacity: {
      type: 'integer',
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'Tokens that the bucket holds: what may come at once after a rest. A new bucket is full.',
    },
    cost: {
      ...amountSchema(0),
      default: 1,
      description: 'Tokens that a request takes; a number, or a variable such as "${http_cost ?? 1}".',
    },
    ...KEY_ATTRIBUTES,
    key: KEY,
    ...REFUSAL_ATTRIBUTES,
    rejected_code: { ...REFUSAL_ATTRIBUTES.rejected_code, default: 429 },
    allow_degradation: DEGRADATION,
    ...QUOTA_ATTRIBUTES,
    ...ALL_POLICY_ATTRIBUTES,
  },
} as const satisfies Schema;

const metadataSchema = { type: 'object', properties: QUOTA_METADATA } as const satisfies Schema;

type Config = Infer<typeof schema>;

export default definePlugin({
  name: 'limit-token-bucket',
  priority: 1_002,
  kind: 'traffic',
  summary: 'Lets requests pass that find a token in their bucket, which fills at an even rate, and refuses the others.',
  schema,
  metadataSchema,
  effects: ['network'],
  examples: [
    {
      title: 'Ten requests a second on average, a hundred at once',
      config: { rate: 10, capacity: 100, key: 'consumer_name' },
    },
    {
      title: 'What a request costs is decided by a plugin before it',
      config: { rate: 1000, capacity: 10_000, cost: '${http_x_cost ?? 1}', key: 'consumer_name' },
    },
  ],
  check,
  create(config, host, metadata) {
    const { rate, capacity, ipv6_prefix } = config;
    const readKey = compileKey(config.key_type, config.key, ipv6_prefix);
    const readAddress = compileKey('var', 'remote_addr', ipv6_prefix);
    const readCost = compileAmount(config.cost);
    const headers = headerNames(metadata as QuotaMetadata);
    const refuse = refusal(
      config.rejected_code,
      'limit_token_bucket',
      config.rejected_msg ?? 'the limit of requests is reached',
    );
    const undetermined = undeterminedReply('the limit of requests', config);
    const outage = new Outage(host, config);
    const source: LimitSource = redisLimits(host, config) ?? host.counters;
    const quotas = quotaKey('limit-token-bucket');
    const responseHead = quotaPhase(config, quotas);
    const window_s = Math.ceil(capacity / rate);
    return {
      access(exchange) {
        const cost = readCost(exchange);
        if (cost < 0) return undetermined;
        const own = readKey(exchange);
        const space = own === undefined ? 'address' : 'key';
        const key = own ?? readAddress(exchange) ?? exchange.remoteAddress;
        const take = ({ isAllowed, remaining, reset_ms }: BucketDecision): Reply | undefined => {
          const reset_s = Math.ceil(reset_ms / 1000);
          const answers = [{ headers, policy: 'default', limit: capacity, window_s, remaining, reset_s }];
          exchange.set(quotas, answers);
          exchange.get(NOTED_QUOTAS)?.push({ plugin: 'limit-token-bucket', quotas: answers });
          return isAllowed ? undefined : refuse(reset_ms);
        };
        const decision = source.tokenBucket(space, { key, rate, capacity, cost });
        if (!(decision instanceof Promise)) return take(decision);
        return decision.then(take, (error: unknown) => outage.answer(error));
      },
      quotas(consumer, counters) {
        const asked = {
          policy: 'default',
          key: keyText(config.key_type, config.key),
          counted_in: config.policy,
          readKey,
          limit: () => capacity,
          window_s: () => window_s,
          ask: (key: string) => counters.tokenBucket('key', { key, rate, capacity, cost: 0 }),
        };
        return [quotaOf(asked, consumer)];
      },
      ...(responseHead !== null && { responseHead }),
    };
  },
});

function check(config: Config): ConfigProblem[] {
  const { key_type, key, cost } = config;
  const problems = checkPolicy(config);
  const wrongKey = checkKey(key_type, key);
  if (wrongKey !== null) problems.push({ path: 'key', message: wrongKey });
  const wrongCost = checkAmount(cost, 0);
  if (wrongCost !== null) problems.push({ path: 'cost', message: wrongCost });
  return problems;
}
