/**
 * What is measured. A new workload is a new entry: what the clients do, what the gateways have to do for it (`routes`,
 * `tuning` in each gateway's own language), and the goal.
 */
import { authenticationWorkloads } from './authentication.ts';
import { answerTo, REFUSED, REWRITTEN, type Expected } from './answers.ts';
import { REDIS_PORT, type Tuning } from './gateways/gateway.ts';
import type { Load } from './load.ts';

/** Where we want to be, and what is still good enough: ratios to nginx, or KiB where the workload measures memory. */
export interface Goal {
  readonly goal: number;
  readonly accept: number;
}

interface Common {
  readonly name: string;
  /** What it is, for the table. */
  readonly title: string;
  readonly routes: readonly string[];
  readonly tuning: Tuning;
  readonly goal?: Goal;
  /** Whether the upstream is one over TLS, which gives the small answer to everything. */
  readonly isUpstreamSecured?: boolean;
  /** Whether a server of Redis runs beside it. */
  readonly needsRedis?: boolean;
}

/** CPU time per request under load. */
export interface LoadWorkload extends Common {
  readonly kind: 'load';
  readonly load: Load;
  /** The workload of which each gateway's own cost is the measure, besides nginx's in this one. */
  readonly against?: string;
  /** Whether the goal is a ratio to nginx in `against`, where nginx has nothing of what is measured here. */
  readonly isJudgedByAgainst?: boolean;
  /** Whether gateways run on the cores of the load as well. */
  readonly hasAllCores?: boolean;
  /** Left out of a quick run. */
  readonly isExtra?: boolean;
  /** What a gateway has to answer, where that is not what the upstream sends. */
  readonly answer?: (gateway: string) => Expected;
}

/** Memory per idle connection. */
export interface IdleWorkload extends Common {
  readonly kind: 'idle';
  readonly path: string;
  readonly connections: number;
}

/** How connections fall on several workers of Gatewright. */
export interface FairnessWorkload extends Common {
  readonly kind: 'fairness';
  readonly path: string;
  readonly workers: number;
  /** Opened one after the other. */
  readonly connections: number;
  /** That ask as fast as they can, afterwards. */
  readonly clients: number;
}

export type Workload = LoadWorkload | IdleWorkload | FairnessWorkload;

/** What a gateway has to answer in a workload. */
export function expectedOf(workload: Workload, gateway: string): Expected {
  const path = workload.kind === 'load' ? workload.load.path : workload.path;
  const unchanged = { status: 200, content: answerTo(path).content };
  return workload.kind === 'load' ? (workload.answer?.(gateway) ?? unchanged) : unchanged;
}

const SMALL: Load = { path: '/', method: 'GET', bodyBytes: 0, connections: 64, closes: false, streams: 0 };
const EVERYTHING = { routes: ['/*'], tuning: {} };

/**
 * Buffers of 64 KiB: with their defaults of 8 and 16 KiB, nginx and HAProxy need several times as many system calls.
 * Four of them: nginx with 16 allocates and returns so much memory per answer that page faults double its cost.
 */
const LARGE_BUFFERS: Tuning = {
  nginx: {
    server: ['proxy_buffer_size 64k;', 'proxy_buffers 4 64k;', 'proxy_busy_buffers_size 128k;'],
  },
  haproxy: { global: ['tune.bufsize 65536'] },
};

const THOUSAND_ROUTES = Array.from({ length: 1000 }, (_, i) => `/api/v${(i % 10) + 1}/svc${Math.floor(i / 10)}/*`);

/** They refuse and delay nothing. */
const LIMITS: Readonly<Record<string, object>> = {
  'limit-count': { count: 2_000_000_000, time_window: 3600, key: 'remote_addr' },
  'limit-req': { rate: 1_000_000, burst: 1_000_000, nodelay: true, key: 'remote_addr' },
  'limit-conn': { conn: 1_000_000, burst: 0, default_conn_delay: 0.1, key: 'remote_addr' },
  'limit-token-bucket': { rate: 1_000_000_000, capacity: 2_000_000_000, key: 'remote_addr' },
};
const REDIS = { policy: 'redis', redis_host: '127.0.0.1', redis_port: REDIS_PORT };
const IN_REDIS: Readonly<Record<string, readonly [plugin: string, more: object]>> = {
  ...Object.fromEntries(Object.keys(LIMITS).map((name) => [name, [name, REDIS] as const])),
  'limit-count-sync': ['limit-count', { ...REDIS, sync_interval: 0.5 }],
};

/** Nothing is refused by them: what is measured is their work. */
const PLUGINS: Readonly<Record<string, object>> = {
  'request-id': {},
  'key-auth': {},
  ...LIMITS,
  prometheus: {},
  cors: {},
  'ip-restriction': { whitelist: ['127.0.0.0/8'] },
  'proxy-rewrite': { headers: { set: { 'X-Bench': '1' } } },
  'response-rewrite': {
    headers: { set: { 'X-Bench': '1' } },
    filters: [{ regex: 'a small answer', replace: 'a plain answer' }],
  },
};
const TWO_WORKERS = { gatewright: { settings: { workers: 2 } }, nginx: { workers: 2 } };
const CONSUMERS = [{ username: 'bench', plugins: { 'key-auth': { key: 'secret' } } }];

/** The key stands in the query: all gateways get the same request. */
const withPlugins = (names: readonly string[]): Tuning => ({
  gatewright: {
    route: { plugins: Object.fromEntries(names.map((name) => [name, PLUGINS[name]])) },
    document: { consumers: CONSUMERS },
  },
});

const UNCHANGED: Expected = { status: 200, content: answerTo('/').content };

/** A text of nginx's configuration language between single quotes. */
const NGINX_REFUSAL = REFUSED.content.replace('\n', '\\n');
/** HAProxy's, without quotes. */
const HAPROXY_REFUSAL = REFUSED.content.replace(/[ "]/g, '\\$&').replace('\n', '\\n');

/** Clients of HTTP/2 in the clear; the upstream is spoken to in HTTP/1.1 by all. */
const HTTP2: readonly LoadWorkload[] = (
  [
    [
      'h2-16-streams',
      '155 B answer, HTTP/2, 8 × 16 streams',
      { connections: 8, streams: 16 },
      { goal: 0.9, accept: 1.2 },
    ],
    ['h2-1-stream', '155 B answer, HTTP/2, 64 × 1 stream', { streams: 1 }, { goal: 1.25, accept: 1.5 }],
    ['h2-10k-16-streams', '10 KiB answer, HTTP/2, 8 × 16 streams', { path: '/10k', connections: 8, streams: 16 }],
    ['h2-10k-1-stream', '10 KiB answer, HTTP/2, 64 × 1 stream', { path: '/10k', streams: 1 }],
    ['h2-1m-16-streams', '1 MiB answer, HTTP/2, 2 × 16 streams', { path: '/1m', connections: 2, streams: 16 }],
    ['h2-1m-1-stream', '1 MiB answer, HTTP/2, 32 × 1 stream', { path: '/1m', connections: 32, streams: 1 }],
  ] as readonly (readonly [name: string, title: string, load: Partial<Load>, goal?: Goal])[]
).map(([name, title, load, goal]) => ({
  kind: 'load' as const,
  name,
  title,
  load: { ...SMALL, ...load },
  routes: ['/*'],
  tuning: LARGE_BUFFERS,
  ...(goal === undefined ? { isExtra: true } : { goal }),
}));

export const WORKLOADS: readonly Workload[] = [
  {
    kind: 'load',
    name: 'bare',
    title: '155 B answer, 64 connections',
    load: SMALL,
    ...EVERYTHING,
    goal: { goal: 1, accept: 1.15 },
  },
  {
    kind: 'load',
    name: 'post-1k',
    title: 'POST of 1 KiB',
    load: { ...SMALL, path: '/sink', method: 'POST', bodyBytes: 1024 },
    ...EVERYTHING,
    goal: { goal: 1, accept: 1.15 },
  },
  {
    kind: 'load',
    name: 'answer-10k',
    title: '10 KiB answer',
    load: { ...SMALL, path: '/10k' },
    routes: ['/*'],
    tuning: LARGE_BUFFERS,
    goal: { goal: 1.1, accept: 1.25 },
  },
  {
    kind: 'load',
    name: 'answer-1m',
    title: '1 MiB answer',
    load: { ...SMALL, path: '/1m' },
    routes: ['/*'],
    tuning: LARGE_BUFFERS,
    goal: { goal: 1.15, accept: 1.3 },
  },
  {
    kind: 'load',
    name: 'chunked',
    title: 'chunked answer, 4 × 256 B',
    load: { ...SMALL, path: '/chunked' },
    ...EVERYTHING,
    goal: { goal: 1, accept: 1.15 },
  },
  {
    kind: 'load',
    name: 'connections-1000',
    title: '1,000 connections',
    load: { ...SMALL, connections: 1000 },
    ...EVERYTHING,
    goal: { goal: 0.9, accept: 1.1 },
  },
  {
    kind: 'load',
    name: 'connection-per-request',
    title: 'a new connection per request',
    load: { ...SMALL, closes: true },
    ...EVERYTHING,
    goal: { goal: 1.6, accept: 2.1 },
  },
  ...HTTP2,
  {
    kind: 'load',
    name: 'tls',
    title: '155 B answer over TLS, 64 connections',
    load: { ...SMALL, over: 'tls' },
    ...EVERYTHING,
    goal: { goal: 1.2, accept: 1.35 },
  },
  {
    kind: 'load',
    name: 'tls-handshakes',
    title: 'a new connection with a whole handshake per request',
    load: { ...SMALL, connections: 16, closes: true, over: 'tls' },
    ...EVERYTHING,
    goal: { goal: 1.6, accept: 1.7 },
  },
  {
    kind: 'load',
    name: 'tls-resumed',
    title: 'a new connection with a resumed session per request',
    load: { ...SMALL, connections: 16, closes: true, over: 'tls-resumed' },
    ...EVERYTHING,
  },
  {
    kind: 'load',
    name: 'upstream-tls',
    title: '155 B answer of an upstream over TLS, in HTTP/1.1',
    load: SMALL,
    ...EVERYTHING,
    isUpstreamSecured: true,
    isExtra: true,
  },
  {
    kind: 'load',
    name: 'upstream-h2',
    title: '155 B answer of an upstream over TLS, in HTTP/2 where the gateway can',
    load: SMALL,
    routes: ['/*'],
    tuning: { gatewright: { route: { plugins: { 'upstream-http2': {} } } }, haproxy: { server: ['alpn h2'] } },
    isUpstreamSecured: true,
    against: 'upstream-tls',
  },
  {
    kind: 'load',
    name: 'websocket',
    title: 'WebSocket: 155 B messages come back, 64 connections',
    load: { ...SMALL, over: 'websocket' },
    routes: ['/*'],
    tuning: {
      gatewright: { route: { enable_websocket: true } },
      nginx: {
        server: ['proxy_set_header Upgrade $http_upgrade;', 'proxy_set_header Connection $connection_upgrade;'],
        http: ["map $http_upgrade $connection_upgrade { default upgrade; '' ''; }"],
      },
    },
  },
  {
    kind: 'load',
    name: 'two-workers',
    title: 'two workers on the one core',
    load: SMALL,
    routes: ['/*'],
    tuning: TWO_WORKERS,
    against: 'bare',
  },
  {
    kind: 'load',
    name: 'worker-per-core',
    title: 'two workers, each with a core that it shares with the load',
    load: SMALL,
    routes: ['/*'],
    tuning: TWO_WORKERS,
    against: 'bare',
    hasAllCores: true,
    isExtra: true,
  },
  {
    kind: 'load',
    name: 'routes-1000',
    title: '1,000 routes, one is used',
    load: { ...SMALL, path: '/api/v5/svc50/items/42' },
    routes: THOUSAND_ROUTES,
    tuning: {},
    against: 'bare',
  },
  {
    kind: 'load',
    name: 'four-plugins',
    title: '1,000 routes, key-auth + limit-count + request-id + prometheus',
    load: { ...SMALL, path: '/api/v5/svc50/items/42?apikey=secret' },
    routes: THOUSAND_ROUTES,
    tuning: withPlugins(['key-auth', 'limit-count', 'request-id', 'prometheus']),
    against: 'bare',
    isJudgedByAgainst: true,
    goal: { goal: 1.25, accept: 1.45 },
  },
  {
    kind: 'load',
    name: 'refused',
    title: 'key-auth refuses a request without a key: 401',
    load: SMALL,
    routes: ['/*'],
    tuning: {
      ...withPlugins(['key-auth']),
      nginx: { server: ['default_type application/json;', `if ($arg_apikey = '') { return 401 '${NGINX_REFUSAL}'; }`] },
      haproxy: {
        frontend: [
          `http-request return status 401 content-type application/json string ${HAPROXY_REFUSAL} unless { url_param(apikey) -m found }`,
        ],
      },
    },
    answer: () => REFUSED,
  },
  ...Object.keys(PLUGINS).map((name): LoadWorkload => ({
    kind: 'load',
    name: `plugin-${name}`,
    title: `${name} alone`,
    load: { ...SMALL, path: '/?apikey=secret' },
    routes: ['/*'],
    tuning: withPlugins([name]),
    against: 'bare',
    ...(name === 'response-rewrite' && {
      answer: (gateway: string) => (gateway === 'gatewright' ? REWRITTEN : UNCHANGED),
    }),
  })),
  ...authenticationWorkloads(SMALL),
  ...[2, 4].map((workers): FairnessWorkload => ({
    kind: 'fairness',
    name: `fairness-${workers}`,
    title: `fairness of connections: 1,000 on ${workers} workers, then 64 clients`,
    path: '/',
    workers,
    connections: 1_000,
    clients: 64,
    ...EVERYTHING,
  })),
  ...Object.entries(IN_REDIS).map(([name, [plugin, more]]): LoadWorkload => ({
    kind: 'load',
    name: `redis-${name}`,
    title: `${name} alone, in Redis`,
    load: { ...SMALL, path: '/?apikey=secret' },
    routes: ['/*'],
    tuning: { gatewright: { route: { plugins: { [plugin]: { ...LIMITS[plugin], ...more } } } } },
    against: 'bare',
    needsRedis: true,
  })),
  {
    kind: 'idle',
    name: 'idle-10000',
    title: '10,000 idle connections',
    path: '/',
    connections: 10_000,
    ...EVERYTHING,
    goal: { goal: 3.5, accept: 5 },
  },
];
