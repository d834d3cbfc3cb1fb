/** What limits say about themselves in responses. */
import { exchangeKey, type Exchange, type ExchangeKey } from '../sdk/index.ts';

export interface HeaderNames {
  readonly limit: string;
  readonly remaining: string;
  readonly reset: string;
}

/** How a limit stood after the request was counted. */
export interface Quota {
  readonly headers: HeaderNames;
  /** In RateLimit and RateLimit-Policy. */
  readonly policy: string;
  readonly limit: number;
  readonly window_s: number;
  readonly remaining: number;
  readonly reset_s: number;
}

export interface QuotaStyle {
  readonly show_limit_quota_header: boolean;
  readonly standard_headers: boolean;
}

export const HEADER_NAME = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
  remedy: 'is no header name: it may hold letters, digits and hyphens',
} as const;

export const QUOTA_METADATA = {
  limit_header: {
    ...HEADER_NAME,
    default: 'X-RateLimit-Limit',
    description: 'Header with what is allowed.',
  },
  remaining_header: {
    ...HEADER_NAME,
    default: 'X-RateLimit-Remaining',
    description: 'Header with what is left.',
  },
  reset_header: {
    ...HEADER_NAME,
    default: 'X-RateLimit-Reset',
    description:
      'Header with the seconds until the count begins anew or, where it does not all at once, until there is room again.',
  },
} as const;

export const QUOTA_ATTRIBUTES = {
  show_limit_quota_header: {
    type: 'boolean',
    default: true,
    description: 'Whether responses carry X-RateLimit-Limit, -Remaining and -Reset.',
  },
  standard_headers: {
    type: 'boolean',
    default: false,
    description:
      'Whether responses carry RateLimit and RateLimit-Policy as well (draft-ietf-httpapi-ratelimit-headers).',
  },
} as const;

export interface QuotaMetadata {
  readonly limit_header: string;
  readonly remaining_header: string;
  readonly reset_header: string;
}

export const headerNames = (metadata: QuotaMetadata): HeaderNames => ({
  limit: metadata.limit_header,
  remaining: metadata.remaining_header,
  reset: metadata.reset_header,
});

/** Where an exchange carries what its limits say, until its response has a head. */
export const quotaKey = (plugin: string): ExchangeKey<Quota[]> => exchangeKey<Quota[]>(KEY_PREFIX + plugin);

/** What the limits of one plugin say, until the exchange is over. */
export interface NotedQuotas {
  readonly plugin: string;
  readonly quotas: readonly Quota[];
}

/** Set to an empty list by who wants to know how the limits stand, before they are asked: each puts into it what it says. */
export const NOTED_QUOTAS = exchangeKey<NotedQuotas[]>('noted quotas');

/** What tells the keys of limits from those of other plugins. */
const KEY_PREFIX = 'limit of ';

/** What all limits say, of the keys and values in turn that an exchange carries. */
export function quotasIn(pairs: readonly unknown[]): { readonly plugin: string; readonly quota: Quota }[] {
  return pairs.flatMap((key, at) => {
    const name = at % 2 === 0 ? (key as ExchangeKey<unknown>).name : '';
    if (!name.startsWith(KEY_PREFIX)) return [];
    return (pairs[at + 1] as readonly Quota[]).map((quota) => ({ plugin: name.slice(KEY_PREFIX.length), quota }));
  });
}

/** The phase in which they are said; null where nothing is to be. */
export function quotaPhase(style: QuotaStyle, key: ExchangeKey<Quota[]>): ((exchange: Exchange) => void) | null {
  if (!style.show_limit_quota_header && !style.standard_headers) return null;
  // The limit is mostly the one of last time, and so are the seconds.
  const [limits, seconds] = [new LastNumber(), new LastNumber()];
  return (exchange) => {
    const { response } = exchange;
    for (const { headers, policy, limit, window_s, remaining, reset_s } of exchange.get(key) ?? []) {
      if (style.show_limit_quota_header) {
        response.setHeader(headers.limit, limits.textOf(limit));
        response.setHeader(headers.remaining, String(remaining));
        response.setHeader(headers.reset, seconds.textOf(reset_s));
      }
      if (style.standard_headers) {
        response.addHeader('RateLimit-Policy', `"${policy}";q=${limit};w=${window_s}`);
        response.addHeader('RateLimit', `"${policy}";r=${remaining};t=${reset_s}`);
      }
    }
  };
}

/** The text of a number that seldom changes. */
class LastNumber {
  private value = 0;
  private text = '0';

  textOf(value: number): string {
    if (value !== this.value) {
      this.value = value;
      this.text = String(value);
    }
    return this.text;
  }
}
