/**
 * JWK Sets by their addresses: fetched when first needed, renewed while they are used, kept while whoever publishes them
 * cannot be reached. One worker fetches for all of them, and not again for a while, whatever callers send.
 */
import { ClientError } from '../sdk/clients.ts';
import type { Exchange, Host, HttpClient, Infer, Schema } from '../sdk/index.ts';
import { JwkSet } from './jwk-set.ts';

export const JWKS_SETTINGS = {
  type: 'object',
  default: {},
  description: 'How keys are fetched that are published at an address.',
  properties: {
    timeout_ms: {
      type: 'integer',
      minimum: 1,
      maximum: 30_000,
      default: 3_000,
      description: 'For an answer, connecting included, in milliseconds; as long a request waits at most.',
    },
    refetch_s: {
      type: 'integer',
      minimum: 1,
      maximum: 3_600,
      default: 10,
      description: 'An address is asked once in so many seconds at most, by all workers together, also where it fails.',
    },
    max_age_s: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 300,
      description: 'Keys that are older are fetched anew: as long a key is believed after it was taken back.',
    },
    stale_s: {
      type: 'integer',
      minimum: 0,
      maximum: 604_800,
      default: 3_600,
      description: 'For so long beyond max_age_s keys are used that cannot be fetched anew, in seconds.',
    },
    ca: {
      type: 'string',
      minLength: 1,
      description: 'Certificates (PEM) by which those of the addresses are verified, in place of the system’s.',
    },
  },
} as const satisfies Schema;

export type JwksSettings = Infer<typeof JWKS_SETTINGS>;

/** Of an answer. */
const MOST_BYTES = 262_144;
/** How often a worker looks whether another one has fetched. */
const LOOK_MS = 1_000;
const POLL_MS = 25;

interface Known {
  readonly text: string;
  readonly set: JwkSet;
  readonly fetched_ms: number;
}

interface Place {
  known: Known | null;
  lookedAt_ms: number;
  /** Of this instance: others wait for it. */
  fetching: Promise<void> | null;
}

export class JwkSource {
  private readonly host: Host;
  private readonly settings: JwksSettings;
  private readonly client: HttpClient;
  private readonly fetches;
  private readonly prefix: string;
  private readonly places = new Map<string, Place>();

  /** To be made in `create`. @param verify whether certificates are verified; what comes without is kept apart */
  constructor(host: Host, settings: JwksSettings, verify = true) {
    const { timeout_ms, ca } = settings;
    this.host = host;
    this.settings = settings;
    this.prefix = verify ? 'group/jwks' : 'group/jwks-unverified';
    const tls = { tls: { verify, ...(ca === undefined ? {} : { ca }) } };
    this.client = host.connect('http', { timeout_ms, max_response_bytes: MOST_BYTES, connections: 2, ...tls });
    this.fetches = host.metrics.counter('gatewright_jwks_fetches_total', {
      help: 'Fetches of published keys, by what came of them.',
      labels: ['plugin', 'result'],
    });
  }

  /** What is known of an address and may be used; has it renewed where it is old. */
  current(url: string): JwkSet | null {
    const place = this.placeOf(url);
    const now_ms = this.host.clock.monotonic_ms();
    if (now_ms - place.lookedAt_ms >= LOOK_MS) this.look(url, place, now_ms);
    const { known } = place;
    if (known === null) return null;
    const age_ms = now_ms - known.fetched_ms;
    if (age_ms < this.settings.max_age_s * 1000) return known.set;
    void this.renew(url, place);
    return age_ms < (this.settings.max_age_s + this.settings.stale_s) * 1000 ? known.set : null;
  }

  /** After a fetch, unless there was one a moment ago; null where nothing is known even then. Never rejects. */
  async renewed(url: string, exchange: Exchange): Promise<JwkSet | null> {
    const place = this.placeOf(url);
    await this.renew(url, place);
    const { clock } = this.host;
    const end_ms = clock.monotonic_ms() + this.settings.timeout_ms;
    while (this.host.kv.get(this.busyKey(url)) !== undefined && clock.monotonic_ms() < end_ms && !exchange.isOver) {
      await exchange.delay(POLL_MS);
    }
    this.look(url, place, clock.monotonic_ms());
    return this.current(url);
  }

  private placeOf(url: string): Place {
    let place = this.places.get(url);
    if (place === undefined) this.places.set(url, (place = { known: null, lookedAt_ms: -Infinity, fetching: null }));
    return place;
  }

  /** Takes over what any worker has fetched. */
  private look(url: string, place: Place, now_ms: number): void {
    place.lookedAt_ms = now_ms;
    const shared = this.host.kv.get(this.setKey(url));
    if (shared === undefined) return;
    const end = shared.indexOf('\n');
    this.learn(place, shared.slice(end + 1), Number(shared.slice(0, end)));
  }

  private learn(place: Place, text: string, fetched_ms: number): void {
    const { known } = place;
    if (known !== null && known.fetched_ms >= fetched_ms) return;
    place.known = { text, fetched_ms, set: known?.text === text ? known.set : JwkSet.parse(text) };
  }

  private renew(url: string, place: Place): Promise<void> {
    if (place.fetching !== null) return place.fetching;
    const window_ms = this.settings.refetch_s * 1000;
    const right = this.host.counters.fixedWindow(this.prefix, { key: url, limit: 1, window_ms, cost: 1 });
    if (!right.isAllowed) return Promise.resolve();
    this.host.kv.set(this.busyKey(url), '1', this.settings.timeout_ms);
    place.fetching = this.fetch(url, place).finally(() => {
      place.fetching = null;
      this.host.kv.delete(this.busyKey(url));
    });
    return place.fetching;
  }

  private async fetch(url: string, place: Place): Promise<void> {
    const { kv, clock, owner, log } = this.host;
    try {
      const answer = await this.client.request({
        url,
        headers: { Accept: 'application/jwk-set+json, application/json' },
      });
      if (answer.status !== 200) throw new TypeError(`the answer has status ${answer.status}`);
      const text = JwkSet.condense(answer.text());
      if (JwkSet.parse(text).size === 0) throw new TypeError('a JWK Set without a key that verifies');
      const fetched_ms = clock.monotonic_ms();
      const kept_ms = (this.settings.max_age_s + this.settings.stale_s) * 1000;
      kv.set(this.setKey(url), `${fetched_ms}\n${text}`, kept_ms);
      this.learn(place, text, fetched_ms);
      this.fetches.add(1, owner.plugin, 'fetched');
    } catch (error) {
      const reason = error instanceof ClientError ? error.fault : 'malformed';
      this.fetches.add(1, owner.plugin, reason);
      const { origin, pathname } = new URL(url);
      log.error('jwks_failed', { url: origin + pathname, reason, error: (error as Error).message });
    }
  }

  private setKey(url: string): string {
    return `${this.prefix} ${url}`;
  }

  private busyKey(url: string): string {
    return `${this.prefix}-busy ${url}`;
  }
}

/** What is wrong with an address of keys, null if nothing is. */
export function jwksUrlFault(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return `${JSON.stringify(text)} is no address: write one such as https://login.example/keys`;
  }
  if (url.username !== '' || url.password !== '') return 'must have no credentials in it';
  const isLocal = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === 'https:' || isLocal
    ? null
    : 'is not encrypted: whoever stands in between could let anybody in; use https';
}
