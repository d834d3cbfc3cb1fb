/** The reserved key `gateway`: what a start needs to know. Everything else in the file is objects. */
import type { Infer, Schema } from '../sdk/schema.ts';
import { fillerOf } from '../model/fill.ts';
import { pathOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { validator } from '../model/validate.ts';
import { LIMITS } from './limit-settings.ts';
import { milliseconds, positive, TIMEOUTS } from './timeout-settings.ts';
import { checkDns, DNS_SETTINGS, HEALTH_SETTINGS } from './upstream-settings.ts';
import { TLS_SETTINGS, UPSTREAM_TLS_SETTINGS } from './tls-settings.ts';
import { ADMIN_SETTINGS, checkAdmin } from './admin-settings.ts';
import {
  ADDRESS,
  checkListeners,
  checkPeers,
  HTTP_LISTENERS,
  HTTPS_LISTENERS,
  PORT,
  type SidePort,
  withAddresses,
} from './listener-settings.ts';
import { checkStore, STORE_SETTINGS } from './store-settings.ts';

const bytes = <const D extends number>(value: D, minimum: number, description: string) =>
  ({ type: 'integer', minimum, maximum: Number.MAX_SAFE_INTEGER, default: value, description }) as const;

export const settingsSchema = {
  type: 'object',
  description: 'What a start needs to know.',
  properties: {
    http: HTTP_LISTENERS,
    https: HTTPS_LISTENERS,
    tls: TLS_SETTINGS,
    upstream_tls: UPSTREAM_TLS_SETTINGS,
    control: {
      type: 'object',
      description: 'Where /status and the Control API answer.',
      default: {},
      properties: {
        address: { ...ADDRESS, default: '127.0.0.1', description: 'IP address to listen on.' },
        port: { ...PORT, default: 9090, description: 'Port to listen on; 0 takes a free one.' },
      },
    },
    admin: {
      description: 'Where the Admin API answers; false, the default, opens no port.',
      default: false,
      anyOf: [{ const: false }, ADMIN_SETTINGS],
    },
    workers: {
      description:
        'Threads that carry traffic; auto: as many as there are cores that the process may use, by its affinity and the quota of its cgroup.',
      anyOf: [{ type: 'integer', minimum: 1, maximum: 250 }, { const: 'auto' }],
      default: 'auto',
    },
    profile: {
      enum: ['secure', 'apisix'],
      default: 'secure',
      description:
        "secure: strict defaults; apisix: APISIX's own laxer ones: nodes with scheme https are not verified, real-ip believes everybody, and wrong credentials are not damped, unless the configuration says otherwise; and a route that cannot be understood is left out.",
    },
    router: {
      enum: ['radixtree_host_uri', 'radixtree_uri', 'radixtree_uri_with_parameter'],
      default: 'radixtree_host_uri',
      description: 'How routes are matched: host first, then path; path only; path only, with :name parameters.',
    },
    trusted_addresses: {
      type: 'array',
      default: [],
      maxItems: 4096,
      items: ADDRESS,
      description:
        'Addresses and CIDR blocks of peers whose X-Forwarded-* headers are believed; `unix:` stands for peers on UNIX domain sockets.',
    },
    server_header: {
      type: 'string',
      default: 'Gatewright',
      maxLength: 256,
      pattern: '^[\\x20-\\x7e]*$',
      remedy: 'may hold printable ASCII only',
      description:
        "Server header of every response, in place of the upstream's; empty sends none and lets the upstream's pass.",
    },
    via: {
      type: 'string',
      default: 'gatewright',
      maxLength: 256,
      pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~:-]*$",
      remedy: 'is not a pseudonym as RFC 9110 section 7.6.3 allows: a token, or host:port',
      description: 'Pseudonym in the Via header of forwarded requests; empty adds none.',
    },
    merge_slashes: {
      type: 'boolean',
      default: true,
      description: 'Whether doubled slashes in paths are merged before matching and forwarding.',
    },
    early_hints: {
      enum: ['forward', 'drop'],
      default: 'forward',
      description: 'What becomes of 103 responses.',
    },
    upstream_status_header: {
      enum: ['on_5xx', 'always', 'off'],
      default: 'on_5xx',
      description: 'When X-APISIX-Upstream-Status is sent.',
    },
    limits: LIMITS,
    timeouts: TIMEOUTS,
    retries: {
      type: 'object',
      default: {},
      description: 'What bounds the retries of all upstreams, beside their own `retries` and `retry_timeout`.',
      properties: {
        budget_percent: {
          type: 'integer',
          minimum: 0,
          maximum: 100_000,
          default: 20,
          description:
            'Retries for each hundred requests to an upstream, counted in each worker over about 10 s; attempts after a refused connection are free.',
        },
        budget_min_per_second: {
          type: 'integer',
          minimum: 0,
          maximum: 1_000_000,
          default: 10,
          description:
            'Retries a second that are allowed for each upstream and worker, however few requests there are. 1000000 bounds nothing.',
        },
        backoff_ms: milliseconds(
          50,
          'Longest wait before the second retry of a request; doubled for each further one, and a random part of it is waited. The first one, and any after a refused connection, goes at once; 0 lets all do so.',
        ),
        backoff_max_ms: milliseconds(1_000, 'Bound of that wait.'),
      },
    },
    load_shedding: {
      type: 'object',
      default: {},
      description:
        'When a worker has more to do than it can: the plugin load-shedding then refuses requests by their priority.',
      properties: {
        delay_ms: positive(50, 'Delay of the event loop above which a worker is overloaded.'),
        recover_delay_ms: positive(20, 'Delay of the event loop below which it recovers.'),
        sustained_ms: positive(1_000, 'How long it must be overloaded before anything is refused.'),
        memory_bytes: bytes(
          0,
          0,
          'Resident memory of the process above which its workers are overloaded; 0 is nine tenths of what the control group or the machine has.',
        ),
      },
    },
    access_log: {
      description: 'One line for every exchange; false writes none.',
      default: false,
      anyOf: [
        { const: false },
        {
          type: 'object',
          properties: {
            path: { type: 'string', minLength: 1, default: 'stdout', description: 'stdout, stderr, or a file.' },
            format: {
              type: 'string',
              minLength: 1,
              maxLength: 8192,
              default: 'text',
              description: 'text, json, or a line with $variables.',
            },
          },
        },
      ],
    },
    error_log: {
      type: 'object',
      default: {},
      description: 'What the gateway itself has to say.',
      properties: {
        path: { type: 'string', minLength: 1, default: 'stderr', description: 'stdout, stderr, or a file.' },
        level: {
          enum: ['debug', 'info', 'warn', 'error'],
          default: 'info',
          description: 'The least severe line written.',
        },
      },
    },
    metrics: {
      description: 'Where Prometheus fetches metrics; false, the default, opens no port.',
      default: false,
      anyOf: [
        { const: false },
        {
          type: 'object',
          properties: {
            address: { ...ADDRESS, default: '127.0.0.1', description: 'IP address to listen on.' },
            port: { ...PORT, default: 9091, description: 'Port to listen on; 0 takes a free one.' },
            path: {
              type: 'string',
              default: '/apisix/prometheus/metrics',
              maxLength: 1024,
              pattern: '^/[\\x21\\x22\\x24-\\x3e\\x40-\\x7e]*$',
              remedy: 'is no path: it must begin with / and hold neither spaces nor ? and #',
              description: 'The one path that has metrics.',
            },
          },
        },
      ],
    },
    health: HEALTH_SETTINGS,
    dns: DNS_SETTINGS,
    plugin_files: {
      type: 'array',
      default: [],
      maxItems: 256,
      items: { type: 'string', minLength: 1, maxLength: 4096 },
      description:
        'Modules with plugins of your own, in TypeScript or JavaScript; relative paths begin where this file lies.',
    },
    pid_file: {
      type: 'string',
      default: '',
      maxLength: 4096,
      description:
        'File that holds the process id while the gateway runs; empty writes none. A relative path begins where this file lies.',
    },
    store: STORE_SETTINGS,
  },
} as const satisfies Schema;

/** The checked settings, defaults filled in; the wire names are kept. */
export interface GatewaySettings extends Readonly<Infer<typeof settingsSchema>> {
  /** Whether the file names `gateway.control`: without it, a port that is taken is only a warning. */
  readonly controlExplicit: boolean;
  /** `upstream_tls.trusted_certificates` with the content of files in place of their names. */
  readonly authorities: readonly string[];
}

/** Attributes that the design has and this version refuses. */
const NOT_AVAILABLE: Readonly<Record<string, string>> = {};

const validateSettings = validator(settingsSchema);

/** Reads the value of the key `gateway` (undefined if the file has none). With problems, the settings are the defaults. */
export function readSettings(value: unknown): {
  readonly settings: GatewaySettings;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  let offered: unknown = value ?? {};
  if (typeof offered === 'object' && !Array.isArray(offered)) {
    offered = Object.fromEntries(Object.entries(offered as object).filter(([key]) => !refuse(key, problems)));
  }
  const checked = validateSettings(offered, 'gateway');
  problems.push(...checked.unknown, ...checked.problems);
  if (checked.problems.length > 0) return { settings: DEFAULT_SETTINGS, problems };
  const filled = withPlaces(checked.value as Infer<typeof settingsSchema>);
  problems.push(...checkSettings(filled));
  const controlExplicit = Object.hasOwn(offered as object, 'control');
  return { settings: { ...filled, controlExplicit, authorities: [] }, problems };
}

function refuse(key: string, problems: Problem[]): boolean {
  const reason = Object.hasOwn(NOT_AVAILABLE, key) ? NOT_AVAILABLE[key] : undefined;
  if (reason === undefined) return false;
  problems.push({ path: pathOf('gateway', key), code: 'not_available', message: reason });
  return true;
}

function checkSettings(settings: Infer<typeof settingsSchema>): Problem[] {
  const problems: Problem[] = [];
  const { store } = settings;
  problems.push(...checkStore(store));
  const { delay_ms, recover_delay_ms } = settings.load_shedding;
  if (recover_delay_ms >= delay_ms) {
    const message = `a worker recovers below the delay at which it is overloaded, ${delay_ms}: write less than that`;
    problems.push({
      path: 'gateway.load_shedding.recover_delay_ms',
      value: recover_delay_ms,
      code: 'invalid_value',
      message,
    });
  }
  problems.push(...checkDns(settings.dns));
  problems.push(...checkPeers(settings.trusted_addresses, 'gateway.trusted_addresses'));
  if (settings.admin !== false) problems.push(...checkAdmin(settings.admin));
  return [...problems, ...checkListeners(settings, sidePorts(settings))];
}

function withPlaces(settings: Infer<typeof settingsSchema>): Infer<typeof settingsSchema> {
  return { ...settings, http: withAddresses(settings.http), https: withAddresses(settings.https) };
}

function sidePorts({ control, admin, metrics }: Infer<typeof settingsSchema>): SidePort[] {
  return [
    { ...control, path: 'gateway.control' },
    ...(admin !== false && admin.enabled ? [{ ...admin, path: 'gateway.admin' }] : []),
    ...(metrics === false ? [] : [{ ...metrics, path: 'gateway.metrics' }]),
  ];
}

/** What a file without the key `gateway` gets. */
export const DEFAULT_SETTINGS: GatewaySettings = Object.freeze({
  ...withPlaces(fillerOf(settingsSchema)({}, 'gateway', []) as Infer<typeof settingsSchema>),
  controlExplicit: false,
  authorities: [],
});
