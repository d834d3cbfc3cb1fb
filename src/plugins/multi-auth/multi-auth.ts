import { definePlugin, exchangeKey } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, Infer, PhaseResult, PluginInstance, Reply, Schema } from '../../sdk/index.ts';
import { AuthGate, TRIED, type Tried } from '../auth-gate.ts';
import { externalUserKey } from '../external-user.ts';

const schema = {
  type: 'object',
  required: ['auth_plugins'],
  properties: {
    auth_plugins: {
      type: 'array',
      minItems: 2,
      maxItems: 20,
      description:
        'Authentication plugins with their attributes, each as `{ name: attributes }`. They are asked in this order, until one knows who calls.',
      items: { type: 'object', minProperties: 1, maxProperties: 1, additionalProperties: true, properties: {} },
    },
  },
} as const satisfies Schema;

type Config = Infer<typeof schema>;

const metadataSchema = {
  type: 'object',
  properties: {
    events: {
      enum: ['none', 'refused'],
      default: 'refused',
      description:
        'Whether the error log tells of refusals, each with who, from where, on which route and what each plugin found. Of who is let in, the plugin tells that knew the caller.',
    },
  },
} as const satisfies Schema;

/** Guesses are counted by the plugins that are asked, each by its own metadata. */
const UNDAMPED = { failures: 0, window_s: 60, blocks: 'failures' } as const;

/** What was answered by those that did not know the caller. */
type Refusals = readonly Reply[];

export default definePlugin({
  name: 'multi-auth',
  priority: 2_600,
  kind: 'auth',
  summary: 'Lets in callers whom one of several authentication plugins knows.',
  schema,
  metadataSchema,
  buffers: 'request',
  examples: [
    {
      title: 'A name with a password, or a key',
      config: { auth_plugins: [{ 'basic-auth': {} }, { 'key-auth': { hide_credentials: true } }] },
    },
    {
      title: 'Nobody in particular after all, with the last one',
      config: { auth_plugins: [{ 'key-auth': {} }, { 'basic-auth': { anonymous_consumer: 'anonymous' } }] },
    },
  ],
  check: ({ auth_plugins }) => auth_plugins.flatMap((one, index) => problemsOf(one, index, auth_plugins.length)),
  uses: ({ auth_plugins }) => ({
    plugins: auth_plugins.flatMap((one, index) => {
      const [name, config] = Object.entries(one)[0] ?? ['', {}];
      return name === 'multi-auth' ? [] : [{ path: pathOf(index, name), name, config, kind: 'auth' as const }];
    }),
  }),
  create({ auth_plugins }, host, metadata) {
    const { events } = metadata as Infer<typeof metadataSchema>;
    const gate = new AuthGate({
      host,
      challenge: '',
      anonymous_consumer: undefined,
      metadata: { events, damping: UNDAMPED },
    });
    const instances = auth_plugins.map((one, index) => host.plugin(pathOf(index, Object.keys(one)[0] ?? '')));
    // The one that knew the caller, for its later phases. Of each instance, as a global rule may have the plugin beside the route.
    const foundKey = exchangeKey<PluginInstance>('multi-auth found');

    function found(exchange: Exchange, instance: PluginInstance | undefined): undefined {
      exchange.set(TRIED, undefined);
      if (instance !== undefined) exchange.set(foundKey, instance);
    }

    /** Asks them from one on. */
    function ask(exchange: Exchange, from: number, refusals: Refusals): PhaseResult {
      let refused = refusals;
      for (let index = from; index < instances.length; index++) {
        const result = instances[index]?.rewrite?.(exchange);
        if (result instanceof Promise) {
          const at = index;
          const before = refused;
          return result.then((reply) => {
            if (isKnown(exchange, reply)) return found(exchange, instances[at]);
            return ask(exchange, at + 1, reply === undefined ? before : [...before, reply]);
          });
        }
        const reply = result ?? undefined;
        if (isKnown(exchange, reply)) return found(exchange, instances[index]);
        if (reply !== undefined) refused = [...refused, reply];
      }
      return refuse(exchange, refused);
    }

    function refuse(exchange: Exchange, refusals: Refusals): Reply | undefined {
      const tried = exchange.get(TRIED) ?? [];
      exchange.set(TRIED, undefined);
      const reply = replyOf(refusals);
      const claimed = tried.find((one) => one.claimed !== undefined)?.claimed;
      const failure = {
        reason: tried.map(({ plugin, reason }) => `${plugin}:${reason}`).join(',') || 'nobody_known',
        ...(claimed === undefined ? {} : { claimed }),
        // Whoever was asked has counted it.
        isGuess: false,
        detail: { tried: tried.map(toldOf) },
      };
      // A redirect to a place to log in, and an outage, are no refusals.
      return reply.status === 401 || reply.status === 429 ? gate.refuse(exchange, reply, failure) : reply;
    }

    return {
      rewrite(exchange) {
        exchange.set(TRIED, []);
        return ask(exchange, 0, []);
      },
      responseHead: (exchange) => exchange.get(foundKey)?.responseHead?.(exchange),
      log: (exchange) => exchange.get(foundKey)?.log?.(exchange),
    };
  },
});

/** A plugin that lets pass without saying who it is has found nobody. */
function isKnown(exchange: Exchange, reply: Reply | void): boolean {
  if (exchange.isOver) return true;
  return reply === undefined && (exchange.consumer !== null || exchange.get(externalUserKey) !== undefined);
}

/** An outage is told before anything else: the caller may have been right. Then that it is to wait, or where to log in. */
function replyOf(refusals: Refusals): Reply {
  const first = (is: (status: number) => boolean): Reply | undefined => refusals.find(({ status }) => is(status));
  return (
    first((status) => status >= 500) ??
    first((status) => status === 429) ??
    first((status) => status >= 300 && status < 400) ?? {
      status: 401,
      code: 'auth_failed',
      headers: { 'WWW-Authenticate': challengesOf(refusals) },
      body: { message: 'Authorization Failed' },
    }
  );
}

/** Each once, in their order: a client takes the one that it knows (RFC 9110 §11.6.1). */
function challengesOf(refusals: Refusals): string[] {
  const challenges = refusals.flatMap(({ headers = {} }) =>
    Object.entries(headers).flatMap(([name, value]) => (name.toLowerCase() === 'www-authenticate' ? value : [])),
  );
  return [...new Set(challenges)];
}

function toldOf({ plugin, code, reason }: Tried): string {
  return `${plugin} ${code} ${reason}`;
}

const pathOf = (index: number, name: string): string => `auth_plugins[${index}].${name}`;

function problemsOf(one: Config['auth_plugins'][number], index: number, length: number): ConfigProblem[] {
  const [[name, config] = ['', {}]] = Object.entries(one);
  const path = pathOf(index, name);
  if (name === 'multi-auth') return [{ path, message: 'multi-auth cannot be one of those that it asks' }];
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    return [{ path, message: 'the attributes of a plugin are an object: write {} for none' }];
  }
  const isShadowing = Object.hasOwn(config, 'anonymous_consumer') && index < length - 1;
  if (!isShadowing) return [];
  const message = 'lets everybody in before the plugins behind it are asked: put it on the last one';
  return [{ path: `${path}.anonymous_consumer`, message }];
}
