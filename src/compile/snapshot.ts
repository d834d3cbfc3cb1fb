/**
 * The Snapshot: the executable form of all objects at one revision. It is immutable; the parts that a change did not
 * touch are the same JavaScript objects in the next Snapshot, so that what is attached to them (connection pools,
 * balancer positions) survives the change.
 */
import type { BalancerSettings } from '../balance/balancer.ts';
import type { ObjectSet } from '../model/object-set.ts';
import type { NeedsBody, Router, RouterMode, RouterRoute, RouteTable } from '../router/router.ts';
import type { ErrorCode } from '../sdk/errors.ts';
import type { CertificateIndex } from './certificates.ts';
import type { ChainSource, ConsumerIndex } from './chain.ts';
import type { Chains } from './chain-source.ts';
import type { Consumers } from './consumers.ts';
import type { HeldInstance, Instances } from './instances.ts';
import type { RoutePlugins, SharedRoutePlugins } from './merge.ts';
import type { PersistentMap } from './persistent-map.ts';
import type { PluginRegistry } from './plugins.ts';
import type { AllReadings } from './read-objects.ts';
import type { Findings } from './references.ts';

export interface Snapshot {
  /** Grows with every accepted change; 0 is the empty Snapshot that a gateway has before its first configuration. */
  readonly revision: number;
  readonly router: Router<CompiledRoute | NeedsBody>;
  /** Which plugins run; absent where no object has any. */
  readonly chains?: ChainSource;
  /** Absent where there are no consumers. */
  readonly consumers?: ConsumerIndex;
  /** All upstreams by their key, for plugins that name one; absent where no object has any plugin. */
  readonly upstreams?: PersistentMap<UpstreamMemory>;
  /** Which certificate serves which name; absent where there are no SSL objects. */
  readonly certificates?: CertificateIndex;
  /** For the next compile; absent where a Snapshot was made by hand. */
  readonly memory?: CompileMemory;
  /** What its instances of plugins are held by, until it is retired; absent where a Snapshot was made by hand. */
  readonly hold?: InstanceHold;
}

export interface InstanceHold {
  readonly instances: Instances;
}

/** What the data plane needs of one route, everything parsed and resolved. */
export interface CompiledRoute {
  readonly id: string;
  /** The `name` attribute, '' if the route has none. */
  readonly name: string;
  /** The service that the route refers to, '' if none. */
  readonly serviceId: string;
  /** The `name` of that service, '' if it has none. */
  readonly serviceName: string;
  /** The upstream to forward to; null where `refusal` answers instead. */
  readonly upstream: CompiledUpstream | null;
  /** Set on tombstones (a route without a good version) and on dangling references: every match answers this. */
  readonly refusal: Refusal | null;
  /** The route's own `timeout` merged over its upstream's, in milliseconds. */
  readonly timeouts: UpstreamTimeouts;
  /** Its own, or those of its service: names, or `*` and what the name ends with. Absent for all hosts. */
  readonly hosts?: readonly string[];
  /** Whether requests may leave HTTP for WebSocket; absent: not. */
  readonly websocket?: boolean;
  /** Whether these are the route's own, which hold for any upstream that a plugin sends its exchanges to. */
  readonly hasOwnTimeouts?: boolean;
  /** What `chains` makes its chains of; null, or absent where a Snapshot was made by hand, leaves the global rules alone. */
  readonly plugins?: RoutePlugins | null;
}

/** An answer that compile decided on: the code's row in `sdk/errors.ts` gives source and meaning. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
}

export interface UpstreamTimeouts {
  /** Until the connection is established. */
  readonly connect_ms: number;
  /** Between two successive writes. */
  readonly send_ms: number;
  /** Between two successive reads. */
  readonly read_ms: number;
}

export interface CompiledNode {
  readonly host: string;
  readonly port: number;
  /** 0 takes the node out of rotation. */
  readonly weight: number;
  /** Nodes of a lower priority are used when every one of a higher priority was tried or is down. */
  readonly priority: number;
  /** `host:port`, with brackets around an IPv6 address: for `pass_host: node`. */
  readonly authority: string;
  /** Where it is connected to: `host`, or one of the addresses of that name. */
  readonly address: string;
  /** `address:port`, with brackets around an IPv6 address: for logs, and what distinguishes a node from its siblings. */
  readonly endpoint: string;
}

/** A name whose addresses are asked for: of a host, or of a service (SRV records, or else addresses). */
export interface NameQuery {
  readonly kind: 'host' | 'service';
  readonly name: string;
}

/** How an upstream's nodes are found, where they are not all addresses. */
export interface CompiledNames {
  readonly queries: readonly NameQuery[];
  /** The nodes are those of a service, and `nodes` is empty; null: names among `nodes`. */
  readonly service: { readonly name: string; readonly port: number; readonly fallbackPort: number } | null;
  /** null: as many retries as there are further nodes. */
  readonly retries: number | null;
}

/** How the nodes of an upstream are checked; seconds are milliseconds here. */
export interface CompiledChecks {
  /** Equal for equal checks: a node keeps its health while this, its upstream and its address stay the same. */
  readonly identity: string;
  readonly active: ActiveChecks;
  /** null: traffic tells nothing. */
  readonly passive: PassiveChecks | null;
}

export interface ActiveChecks {
  readonly type: 'http' | 'https' | 'tcp';
  readonly timeout_ms: number;
  /** Probes of this upstream at once. */
  readonly concurrency: number;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** Of the Host field; '': the node's. */
  readonly host: string;
  /** 0: the node's. */
  readonly port: number;
  readonly verifies: boolean;
  /** Further field lines, `Name: value`. */
  readonly fields: readonly string[];
  /** Between two probes of a node that is up, and of one that is down. */
  readonly healthyInterval_ms: number;
  readonly unhealthyInterval_ms: number;
  readonly statuses: CheckedStatuses;
  readonly limits: CheckLimits;
}

export interface PassiveChecks {
  readonly type: 'http' | 'https' | 'tcp';
  readonly statuses: CheckedStatuses;
  readonly limits: CheckLimits;
}

/** Statuses in neither list tell nothing; one in both is a failure. */
export interface CheckedStatuses {
  readonly healthy: readonly number[];
  readonly unhealthy: readonly number[];
}

/** How many in a row decide: successes, TCP failures, HTTP failures, timeouts; 0: such events do not count. */
export type CheckLimits = readonly [successes: number, tcp: number, http: number, timeouts: number];

export interface CompiledUpstream {
  /** Identity across Snapshots: kind and id of the object that owns it. */
  readonly key: string;
  /** `grpc` and `grpcs`: HTTP/2, in the clear and over TLS. */
  readonly scheme: 'http' | 'https' | 'grpc' | 'grpcs';
  /** Present with the schemes https and grpcs. */
  readonly tls?: CompiledUpstreamTls;
  readonly nodes: readonly CompiledNode[];
  readonly balancer: BalancerSettings;
  /** Further attempts after the first; APISIX's default (nodes − 1) is filled in. */
  readonly retries: number;
  /** No attempt starts later than this after the first one; 0 means no bound. */
  readonly retryTimeout_ms: number;
  readonly timeouts: UpstreamTimeouts;
  readonly passHost: 'pass' | 'node' | 'rewrite';
  /** The Host to send with `passHost: 'rewrite'`, else ''. */
  readonly upstreamHost: string;
  readonly keepalive: KeepalivePool;
  /** Absent: every node is an address. */
  readonly names?: CompiledNames;
  /** Absent: the nodes are not checked. */
  readonly checks?: CompiledChecks;
}

/** TLS towards the nodes of an upstream. */
export interface CompiledUpstreamTls {
  /** What the gateway shows of itself, PEM; both '' for nothing, or for what `certId` names. */
  readonly cert: string;
  readonly key: string;
  /** Id of an SSL object of type client; '' for none. Looked up when a connection is made, so that its certificate may change. */
  readonly certId: string;
  /** Whether nodes are verified; null: as the gateway's profile says. */
  readonly verify: boolean | null;
}

export interface KeepalivePool {
  /** Idle connections kept to each node. */
  readonly size: number;
  readonly idle_ms: number;
  /** Requests after which a connection is closed; 0 means no bound. */
  readonly requests: number;
}

/** What the next compile needs of this one; the data plane never looks at it. */
export interface CompileMemory {
  /** Objects as they were read, with their last good versions. */
  readonly readings: AllReadings;
  /** The same in the order in which they were given; null where that is not known. */
  readonly lists: ObjectSet['objects'] | null;
  /** By `kind/id`, such as `services/7`: who refers to it. */
  readonly users: PersistentMap<PersistentMap<true>>;
  /** What is wrong, by `kind/id`. */
  readonly findings: PersistentMap<Findings>;
  /** By `CompiledUpstream.key`. */
  readonly upstreams: PersistentMap<UpstreamMemory>;
  /** Instances of plugins by their keys. */
  readonly held: PersistentMap<HeldInstance>;
  /** By id, tombstones too; without routes that are switched off. */
  readonly routes: PersistentMap<RouteMemory>;
  /** The same routes in the router; an edit makes the next table from this one. */
  readonly table: RouteTable<CompiledRoute>;
  /** What the entries and the table depend on besides. */
  readonly matching: Matching;
  /** That were enabled. */
  readonly plugins: PluginRegistry;
  /** Of all Snapshots that were made one after the other. */
  readonly instances: Instances;
  readonly sharedPlugins: SharedRoutePlugins;
  readonly chains: Chains;
  readonly certificates: CertificateIndex;
  readonly consumers: Consumers;
}

/** How requests are matched, for all routes. */
export interface Matching {
  readonly mode: RouterMode;
  readonly mergeSlashes: boolean;
  /**
   * What becomes of a route without a good version, where it cannot even be told which requests it matches: it is left out,
   * as APISIX does, in place of holding back every change until it is mended.
   */
  readonly leavesOutUnknown?: boolean;
}

/** What of the settings bears on matching. */
export interface MatchingSettings {
  readonly router: RouterMode;
  readonly merge_slashes: boolean;
  /** Secure by default. */
  readonly profile?: 'secure' | 'apisix';
}

export function matchingOf({ router, merge_slashes, profile = 'secure' }: MatchingSettings): Matching {
  return { mode: router, mergeSlashes: merge_slashes, leavesOutUnknown: profile === 'apisix' };
}

/** A compiled upstream beside the checked object that it was made of. */
export interface UpstreamMemory {
  readonly compiled: CompiledUpstream;
  readonly source: unknown;
}

/** A route as it stands in the router, beside all that it was made of: as long as these are the same, so is the entry. */
export interface RouteMemory {
  readonly entry: RouterRoute<CompiledRoute>;
  readonly sources: readonly unknown[];
}

/** The one that a host matched: exactly, or by the longest of its endings; '' if the route has none. */
export function matchedHost({ hosts }: CompiledRoute, host: string): string {
  if (hosts === undefined) return '';
  let found = '';
  for (const pattern of hosts) {
    if (pattern === host) return pattern;
    if (pattern.startsWith('*') && host.endsWith(pattern.slice(1)) && pattern.length > found.length) found = pattern;
  }
  return found;
}
