/** A Host without effects, for instances that are made only to see whether they can be: `check`, and tests of compile. */
import type { Clients } from '../sdk/clients.ts';
import { ClientError } from '../sdk/clients.ts';
import type { Host, Owner } from '../sdk/host.ts';
import type { QuotaList } from '../sdk/quotas.ts';
import type { Consumer } from '../sdk/exchange.ts';
import type { Grants } from './instances.ts';

const nothing = (): void => undefined;
const ALLOWED = Object.freeze({ isAllowed: true, remaining: 0, reset_ms: 0 });

const refuse = (): Promise<never> =>
  Promise.reject(new ClientError('without_effects', 'nothing is reached from here: this is a check or an explanation'));

/** Where nothing is in force. */
export const noQuotas = ({ username }: Consumer): QuotaList => ({ consumer: username, quotas: [], total: 0 });

/** Clients of every kind that reach nothing. */
export const INERT_CLIENTS: { readonly [K in keyof Clients]: Clients[K]['client'] } = {
  http: { request: refuse, open: refuse },
  redis: { run: refuse, command: refuse },
  ldap: { accepts: refuse, find: refuse },
};

export const NO_GRANTS: Grants = { mayConnect: false, upstreams: new Map(), plugins: new Map(), onClose: nothing };

/** What a configuration named under a path. Throws TypeError for a path that it did not name. */
export function granted<T>(granted: ReadonlyMap<string, T>, path: string, { plugin }: Owner): T {
  const found = granted.get(path);
  if (found === undefined) throw new TypeError(`${plugin}: \`uses\` names nothing at ${JSON.stringify(path)}`);
  return found;
}

export function inertHost(owner: Owner, { upstreams, plugins } = NO_GRANTS): Host {
  return {
    owner,
    clock: { monotonic_ms: () => 0, wall_ms: () => 0 },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    random: () => 0,
    randomBytes: (length) => new Uint8Array(length),
    counters: {
      fixedWindow: () => ALLOWED,
      slidingWindow: () => ALLOWED,
      tokenBucket: () => ALLOWED,
      leakyBucket: () => ({ ...ALLOWED, delay_ms: 0 }),
    },
    load: { admits: () => true },
    profile: 'secure',
    metricsUrl: () => null,
    httpsPort: () => null,
    quotas: noQuotas,
    kv: { get: () => undefined, set: nothing, delete: nothing },
    cells: {
      records: (_space, { numbers }) => ({
        update: (_key, change, argument) => change(new Float64Array(numbers), argument, 0),
        read: () => null,
      }),
      places: () => ({ enter: () => ({ taken: 1, leave: nothing }), taken: () => 0 }),
    },
    metrics: {
      counter: () => ({ add: nothing, series: () => ({ add: nothing }) }),
      gauge: () => ({ set: nothing }),
      histogram: () => ({ observe: nothing, series: () => ({ observe: nothing }) }),
    },
    connect: (kind) => INERT_CLIENTS[kind],
    startTimer: () => ({ stop: nothing }),
    shared: (_name, make) => make(),
    upstream: (path) => granted(upstreams, path, owner),
    plugin: (path) => granted(plugins, path, owner),
  };
}

/** The same for an instance that is only looked at: what its configuration names is taken to be there. */
export function exampleHost(owner: Owner): Host {
  return { ...inertHost(owner), upstream: (path) => ({ key: path }), plugin: () => ({}) };
}
