import { definePlugin } from '../../sdk/index.ts';
import type { Exchange, Infer, Reply, Schema } from '../../sdk/index.ts';

const NAMES = { type: 'array', minItems: 1, maxItems: 100_000, items: { type: 'string', minLength: 1 } } as const;

const schema = {
  type: 'object',
  properties: {
    type: {
      type: 'string',
      enum: ['consumer_name', 'consumer_group_id', 'service_id', 'route_id'],
      default: 'consumer_name',
      description:
        'What the lists name: consumers, groups of consumers, or the services or routes that a consumer may use.',
    },
    whitelist: { ...NAMES, description: 'Only these pass.' },
    blacklist: { ...NAMES, description: 'These do not pass, whatever the other lists say.' },
    allowed_by_methods: {
      type: 'array',
      minItems: 1,
      maxItems: 100_000,
      description:
        'Methods by consumer: who is listed may use no others. Who is not listed passes only where `whitelist` or `blacklist` lets it.',
      items: {
        type: 'object',
        required: ['user', 'methods'],
        properties: {
          user: { type: 'string', minLength: 1, description: 'Name of a consumer.' },
          methods: {
            type: 'array',
            minItems: 1,
            uniqueItems: true,
            description: 'Methods that the consumer may use.',
            items: {
              type: 'string',
              enum: ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PURGE'],
            },
          },
        },
      },
    },
    rejected_code: {
      type: 'integer',
      minimum: 200,
      maximum: 599,
      default: 403,
      description: 'Status of a refusal; callers that nobody has identified get 401.',
    },
    rejected_msg: { type: 'string', minLength: 1, description: 'The message of a refusal, in place of the usual one.' },
  },
  anyOf: [{ required: ['whitelist'] }, { required: ['blacklist'] }, { required: ['allowed_by_methods'] }],
  remedy: 'write "whitelist", "blacklist" or "allowed_by_methods": without any of them, nothing is said',
} as const satisfies Schema;

type Config = Infer<typeof schema>;

export default definePlugin({
  name: 'consumer-restriction',
  priority: 2_400,
  kind: 'authorization',
  summary: 'Lets in consumers by their name or group, by the route or service they call, and by method.',
  schema,
  examples: [
    { title: 'One consumer alone', config: { whitelist: ['JaneDoe'] } },
    {
      title: 'Methods by consumer',
      config: {
        allowed_by_methods: [
          { user: 'JohnDoe', methods: ['GET'] },
          { user: 'JaneDoe', methods: ['POST'] },
        ],
      },
    },
    {
      title: 'On a consumer: the services that it may use',
      config: { type: 'service_id', whitelist: ['srv-1'] },
    },
  ],
  create(config) {
    const { type, rejected_code, rejected_msg } = config;
    const isOfConsumer = type === 'consumer_name' || type === 'consumer_group_id';
    const needsConsumer = isOfConsumer || config.allowed_by_methods !== undefined;
    const isRefused = refusalOf(config);
    const refused: Reply = Object.freeze({
      status: rejected_code,
      code: 'consumer_not_allowed',
      body: Object.freeze({ message: rejected_msg ?? `The ${type} is forbidden.` }),
    });
    return {
      access(exchange) {
        if (needsConsumer && exchange.consumer === null) return UNKNOWN;
        return isRefused(exchange) ? refused : undefined;
      },
    };
  },
});

const UNKNOWN: Reply = Object.freeze({
  status: 401,
  code: 'consumer_missing',
  body: Object.freeze({ message: 'Missing authentication or identity verification.' }),
});

function refusalOf({ type, whitelist, blacklist, allowed_by_methods }: Config): (exchange: Exchange) => boolean {
  const value = VALUES[type];
  const allowed = whitelist === undefined ? null : new Set(whitelist);
  const denied = new Set(blacklist);
  const methods = new Map<string, ReadonlySet<string>>();
  for (const { user, methods: more } of allowed_by_methods ?? []) {
    methods.set(user, new Set([...(methods.get(user) ?? []), ...more]));
  }
  // Where methods are all that is said, they say who may come as well.
  const isListedOnly = allowed_by_methods !== undefined && allowed === null && blacklist === undefined;
  return (exchange) => {
    const one = value(exchange);
    if (denied.has(one) || (allowed !== null && !allowed.has(one))) return true;
    if (allowed_by_methods === undefined) return false;
    const own = methods.get(exchange.consumer?.username ?? '');
    return own === undefined ? isListedOnly : !own.has(exchange.request.method);
  };
}

/** What the lists name; '' where there is none: no list has it. */
const VALUES: Readonly<Record<Config['type'], (exchange: Exchange) => string>> = {
  consumer_name: ({ consumer }) => consumer?.username ?? '',
  consumer_group_id: ({ consumer }) => consumer?.groupId ?? '',
  service_id: ({ route }) => route.serviceId,
  route_id: ({ route }) => route.id,
};
