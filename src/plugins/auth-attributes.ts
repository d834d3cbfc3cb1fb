/** Attributes that authentication plugins have in common. */
import type { Infer, Schema } from '../sdk/index.ts';

export const HIDE_CREDENTIALS = {
  type: 'boolean',
  default: false,
  description: 'Whether the credentials are taken out of what the upstream gets.',
} as const satisfies Schema;

export const ANONYMOUS_CONSUMER = {
  type: 'string',
  minLength: 1,
  description: 'Consumer that callers without valid credentials are treated as; without it they are refused.',
} as const satisfies Schema;

/** @param realm APISIX's default for the plugin */
export const realmAttribute = <const R extends string>(realm: R) =>
  ({
    type: 'string',
    minLength: 1,
    pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*$',
    remedy: 'may hold printable ASCII without quotes and backslashes only',
    default: realm,
    description: 'Realm in the WWW-Authenticate header of a refusal.',
  }) as const satisfies Schema;

export const HEADER_NAME = {
  type: 'string',
  minLength: 1,
  pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
  remedy: 'is no header name: use letters, digits and hyphens',
} as const satisfies Schema;

/** Of `plugin_metadata`: what holds for the plugin on all routes. */
export const authMetadataSchema = {
  type: 'object',
  properties: {
    events: {
      enum: ['none', 'refused', 'all'],
      default: 'refused',
      description: 'Which attempts the error log tells of, each with who, from where, on which route and why.',
    },
    damping: {
      type: 'object',
      default: {},
      description: 'What guessing costs: see docs/authentication.md.',
      properties: {
        failures: {
          type: 'integer',
          minimum: 0,
          maximum: 1_000_000,
          description:
            'Wrong credentials that an address may send at once before it is answered with 429; 0: no bound. By default 30 for passwords and keys, and no bound for signatures and tokens, which nobody guesses, and with `gateway.profile: apisix`; with `blocks: all` always 30.',
        },
        window_s: {
          type: 'integer',
          minimum: 1,
          maximum: 86_400,
          default: 60,
          description: 'Time in which so many are forgiven, evenly, in seconds.',
        },
        blocks: {
          enum: ['failures', 'all'],
          default: 'failures',
          description:
            'What an address beyond its bound gets 429 for: failures: further wrong credentials; all: whatever it sends, before anybody looks at it.',
        },
      },
    },
  },
} as const satisfies Schema;

export type AuthMetadata = Infer<typeof authMetadataSchema>;
