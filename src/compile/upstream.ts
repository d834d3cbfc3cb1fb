/** Upstream object → what the data plane needs of it. */
import { isIP } from 'node:net';
import { parseHashKey } from '../balance/hash-key.ts';
import type { HashKeyProblem } from '../balance/hash-key.ts';
import type { BalancerSettings } from '../balance/balancer.ts';
import { canonicalText } from '../model/canonical.ts';
import type { Report } from '../model/object-model.ts';
import type { ProblemCode } from '../model/problem.ts';
import { isSocketHost, nodesOf, parseServiceName } from '../model/upstream.ts';
import type { NodeObject, UpstreamObject } from '../model/upstream.ts';
import type { RouteObject } from '../model/route.ts';
import { compileChecks } from './checks.ts';
import type {
  CompiledNames,
  CompiledNode,
  CompiledUpstream,
  CompiledUpstreamTls,
  NameQuery,
  UpstreamMemory,
  UpstreamTimeouts,
} from './snapshot.ts';

const DEFAULT_TIMEOUTS: UpstreamTimeouts = { connect_ms: 60_000, send_ms: 60_000, read_ms: 60_000 };

const HASH_KEY_CODES: Readonly<Record<HashKeyProblem['code'], ProblemCode>> = {
  required: 'missing_attribute',
  wrong_type: 'wrong_type',
  unknown_value: 'invalid_value',
  malformed: 'invalid_value',
  unsupported: 'invalid_value',
};

/** What only the balancer knows about an upstream; `at` as in `checkUpstream`. */
export function checkBalancer(upstream: UpstreamObject, at: string, report: Report): void {
  if (upstream.type !== 'chash') return;
  for (const problem of parseHashKey(upstream.hash_on, upstream.key).problems) {
    const value = upstream[problem.path];
    report(at + problem.path, HASH_KEY_CODES[problem.code], problem.message, value);
  }
}

/** Compiles a checked upstream. `key` is the object that owns it, such as `upstreams/7` or `routes/1`. */
export function compileUpstream(upstream: UpstreamObject, key: string): CompiledUpstream {
  const scheme = schemeOf(upstream);
  const nodes = nodesOf(upstream).map((node) => compileNode(node, PORTS[scheme]));
  const pool = upstream.keepalive_pool;
  return {
    key,
    scheme,
    ...(scheme === 'https' || scheme === 'grpcs' ? { tls: compileTls(upstream.tls) } : {}),
    nodes,
    balancer: compileBalancer(upstream),
    retries: upstream.retries ?? Math.max(0, nodes.length - 1),
    retryTimeout_ms: toMilliseconds(upstream.retry_timeout),
    timeouts: compileTimeouts(upstream.timeout) ?? DEFAULT_TIMEOUTS,
    passHost: upstream.pass_host,
    upstreamHost: upstream.pass_host === 'rewrite' ? (upstream.upstream_host ?? '') : '',
    keepalive: { size: pool.size, idle_ms: toMilliseconds(pool.idle_timeout), requests: pool.requests },
    ...compileNames(upstream, nodes),
    ...(upstream.checks === undefined ? {} : { checks: compileChecks(upstream.checks) }),
  };
}

/**
 * Compiles `source`, or gives the compiled upstream of the previous Snapshot if it is the same or would be equal:
 * connection pools and balancer positions hang on that object.
 */
export function renewUpstream(
  source: UpstreamObject,
  key: string,
  previous: UpstreamMemory | undefined,
): UpstreamMemory {
  if (previous?.source === source) return previous;
  const compiled = compileUpstream(source, key);
  const isEqual = previous !== undefined && canonicalText(previous.compiled) === canonicalText(compiled);
  return { source, compiled: isEqual ? previous.compiled : compiled };
}

/** null if there is nothing to override. */
export function compileTimeouts(timeout: RouteObject['timeout']): UpstreamTimeouts | null {
  if (timeout === undefined) return null;
  return {
    connect_ms: toMilliseconds(timeout.connect),
    send_ms: toMilliseconds(timeout.send),
    read_ms: toMilliseconds(timeout.read),
  };
}

/** Rounded up: 0 has meanings of its own. */
function toMilliseconds(seconds: number): number {
  return Math.ceil(seconds * 1000);
}

function compileTls({
  client_cert,
  client_key,
  client_cert_id,
  verify,
}: NonNullable<UpstreamObject['tls']> = {}): CompiledUpstreamTls {
  return {
    cert: client_cert ?? '',
    key: client_key ?? '',
    certId: client_cert_id === undefined ? '' : String(client_cert_id),
    verify: verify ?? null,
  };
}

/** Of nodes that name none. */
const PORTS = { http: 80, https: 443, grpc: 80, grpcs: 443 } as const;

/** Of a checked upstream: others were refused. */
function schemeOf({ scheme }: UpstreamObject): keyof typeof PORTS {
  return Object.hasOwn(PORTS, scheme) ? (scheme as keyof typeof PORTS) : 'http';
}

function compileNode({ host, port: given, weight, priority }: NodeObject, fallback: number): CompiledNode {
  // As nginx does, a node without a name of its own is known as localhost.
  if (isSocketHost(host)) {
    return { host, port: 0, weight, priority, authority: 'localhost', address: host, endpoint: host };
  }
  const port = given ?? fallback;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { host, port, weight, priority, authority, address: host, endpoint: authority };
}

function compileNames(upstream: UpstreamObject, nodes: readonly CompiledNode[]): { names?: CompiledNames } {
  const scheme = schemeOf(upstream);
  const { service_name } = upstream;
  const retries = upstream.retries ?? null;
  if (service_name !== undefined) {
    const { host, port } = parseServiceName(service_name);
    return {
      names: {
        queries: [{ kind: 'service', name: host }],
        service: { name: host, port, fallbackPort: PORTS[scheme] },
        retries,
      },
    };
  }
  const names = new Set(
    nodes.flatMap(({ host }) => (isIP(host) === 0 && !isSocketHost(host) ? [host.toLowerCase()] : [])),
  );
  if (names.size === 0) return {};
  const queries = Array.from(names, (name): NameQuery => ({ kind: 'host', name }));
  return { names: { queries, service: null, retries } };
}

function compileBalancer({ type, hash_on, key }: UpstreamObject): BalancerSettings {
  if (type !== 'chash') return { type };
  const { source } = parseHashKey(hash_on, key);
  if (source === null) throw new TypeError('an unchecked hash key');
  return { type, hashKey: source };
}
