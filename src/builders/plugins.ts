/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Acl } from './plugins/acl.ts';
import type { ApiBreaker } from './plugins/api-breaker.ts';
import type { AttachConsumerLabel } from './plugins/attach-consumer-label.ts';
import type { BasicAuth, BasicAuthCredential } from './plugins/basic-auth.ts';
import type { Bulkhead } from './plugins/bulkhead.ts';
import type { CircuitBreaker } from './plugins/circuit-breaker.ts';
import type { ClientControl } from './plugins/client-control.ts';
import type { ConsumerRestriction } from './plugins/consumer-restriction.ts';
import type { Cors } from './plugins/cors.ts';
import type { DebugHeaders } from './plugins/debug-headers.ts';
import type { FaultInjection } from './plugins/fault-injection.ts';
import type { ForwardAuth } from './plugins/forward-auth.ts';
import type { HmacAuth, HmacAuthCredential } from './plugins/hmac-auth.ts';
import type { IpRestriction } from './plugins/ip-restriction.ts';
import type { JweDecrypt, JweDecryptCredential } from './plugins/jwe-decrypt.ts';
import type { JwtAuth, JwtAuthCredential } from './plugins/jwt-auth.ts';
import type { KeyAuth, KeyAuthCredential } from './plugins/key-auth.ts';
import type { LdapAuth, LdapAuthCredential } from './plugins/ldap-auth.ts';
import type { LdapAuthAdvanced, LdapAuthAdvancedCredential } from './plugins/ldap-auth-advanced.ts';
import type { LimitConn } from './plugins/limit-conn.ts';
import type { LimitCount } from './plugins/limit-count.ts';
import type { LimitReq } from './plugins/limit-req.ts';
import type { LimitTokenBucket } from './plugins/limit-token-bucket.ts';
import type { LimitUsage } from './plugins/limit-usage.ts';
import type { LoadShedding } from './plugins/load-shedding.ts';
import type { Mocking } from './plugins/mocking.ts';
import type { MultiAuth } from './plugins/multi-auth.ts';
import type { OpenidConnect } from './plugins/openid-connect.ts';
import type { Prometheus } from './plugins/prometheus.ts';
import type { ProxyRewrite } from './plugins/proxy-rewrite.ts';
import type { PublicApi } from './plugins/public-api.ts';
import type { RealIp } from './plugins/real-ip.ts';
import type { Redirect } from './plugins/redirect.ts';
import type { RefererRestriction } from './plugins/referer-restriction.ts';
import type { RequestId } from './plugins/request-id.ts';
import type { RequestValidation } from './plugins/request-validation.ts';
import type { ResponseRewrite } from './plugins/response-rewrite.ts';
import type { TrafficSplit } from './plugins/traffic-split.ts';
import type { UaRestriction } from './plugins/ua-restriction.ts';
import type { UpstreamHttp2 } from './plugins/upstream-http2.ts';
import type { UpstreamProxyProtocol } from './plugins/upstream-proxy-protocol.ts';
import type { UriBlocker } from './plugins/uri-blocker.ts';
import type { Workflow } from './plugins/workflow.ts';

/** Plugins by name. Your own are added by `use(…)`, or by declaring them here: `declare module 'gatewright' { interface Plugins { … } }`. */
export interface Plugins {
  /** Lets in callers by the labels of their consumer, or by attributes of a user that a system outside knows. */
  readonly 'acl'?: Acl;
  /** Answers in place of an upstream that keeps failing, for twice as long each time, until it is healthy again. */
  readonly 'api-breaker'?: ApiBreaker;
  /** Tells the upstream labels of the consumer that calls, in header fields that no client can forge. */
  readonly 'attach-consumer-label'?: AttachConsumerLabel;
  /** Lets in callers that send the name and the password of a consumer. */
  readonly 'basic-auth'?: BasicAuth;
  /** Bounds how many requests an upstream and each of its nodes has at a time, and lets a few wait for a place. */
  readonly 'bulkhead'?: Bulkhead;
  /** Leaves out a node that fails or is slow, and lets a few probes find out when it is well again. */
  readonly 'circuit-breaker'?: CircuitBreaker;
  /** Bounds the size of request bodies. */
  readonly 'client-control'?: ClientControl;
  /** Lets in consumers by their name or group, by the route or service they call, and by method. */
  readonly 'consumer-restriction'?: ConsumerRestriction;
  /** Lets scripts of other websites use a route from within browsers (cross-origin resource sharing). */
  readonly 'cors'?: Cors;
  /** Tells callers with a signed token, in headers of the response, which rules made the answer. */
  readonly 'debug-headers'?: DebugHeaders;
  /** Answers requests with an error, or lets them wait, to see how clients take it. */
  readonly 'fault-injection'?: FaultInjection;
  /** Asks a service outside whether a request may pass, and lets it say something to upstream and client. */
  readonly 'forward-auth'?: ForwardAuth;
  /** Lets in callers that sign their requests with a key that a consumer shares with the gateway. */
  readonly 'hmac-auth'?: HmacAuth;
  /** Lets in clients by their addresses: only those of a list, or all but those. */
  readonly 'ip-restriction'?: IpRestriction;
  /** Decrypts tokens (JWE) with keys of consumers, and gives the upstream what was in them. */
  readonly 'jwe-decrypt'?: JweDecrypt;
  /** Lets in callers that send a token (JWT) which a consumer, or somebody whom it trusts, has signed. */
  readonly 'jwt-auth'?: JwtAuth;
  /** Lets in callers that send a key of a consumer, in a header or in the query. */
  readonly 'key-auth'?: KeyAuth;
  /** Lets in callers whose name and password a directory takes, and whom a consumer stands for. */
  readonly 'ldap-auth'?: LdapAuth;
  /** Lets in callers that a directory finds by their name and whose password it takes, with or without a consumer. */
  readonly 'ldap-auth-advanced'?: LdapAuthAdvanced;
  /** Bounds how many requests are under way at the same time; some more are delayed, the others are refused. */
  readonly 'limit-conn'?: LimitConn;
  /** Lets so many requests pass in a window of time, and refuses the others. */
  readonly 'limit-count'?: LimitCount;
  /** Lets requests pass at an even rate: a bounded number of those that come faster waits, the others are refused. */
  readonly 'limit-req'?: LimitReq;
  /** Lets requests pass that find a token in their bucket, which fills at an even rate, and refuses the others. */
  readonly 'limit-token-bucket'?: LimitTokenBucket;
  /** Answers with what the limits of its route leave to the caller: a page of their own usage for consumers. */
  readonly 'limit-usage'?: LimitUsage;
  /** Refuses requests of low priority with 503 while a worker has more to do than it can. */
  readonly 'load-shedding'?: LoadShedding;
  /** Answers in place of an upstream that is not there yet, with an example or with random values. */
  readonly 'mocking'?: Mocking;
  /** Lets in callers whom one of several authentication plugins knows. */
  readonly 'multi-auth'?: MultiAuth;
  /** Lets people in who log in at an OpenID Connect provider, and callers with an access token of it. */
  readonly 'openid-connect'?: OpenidConnect;
  /** Counts responses and bytes and measures latencies, for Prometheus. */
  readonly 'prometheus'?: Prometheus;
  /** Changes what the upstream is asked for: path, arguments, method, host, header fields. */
  readonly 'proxy-rewrite'?: ProxyRewrite;
  /** Answers a route with an endpoint of the gateway, such as what limits leave to the consumer that asks. */
  readonly 'public-api'?: PublicApi;
  /** Takes the address of the client from what a proxy in front says. */
  readonly 'real-ip'?: RealIp;
  /** Sends clients elsewhere: to HTTPS, or to another URI. */
  readonly 'redirect'?: Redirect;
  /** Lets in requests by the host of the page that they come from, as Referer names it. */
  readonly 'referer-restriction'?: RefererRestriction;
  /** Gives every request an id, passes it to the upstream and returns it to the client. */
  readonly 'request-id'?: RequestId;
  /** Lets in requests whose header and body follow a JSON Schema. */
  readonly 'request-validation'?: RequestValidation;
  /** Changes the status, the header fields and the body of responses, the gateway's own included. */
  readonly 'response-rewrite'?: ResponseRewrite;
  /** Sends requests to other upstreams, by conditions and by weight. */
  readonly 'traffic-split'?: TrafficSplit;
  /** Lets in user agents that a list allows, or all but those that a list denies. */
  readonly 'ua-restriction'?: UaRestriction;
  /** Speaks HTTP/2 to upstreams that do, on connections that requests share. */
  readonly 'upstream-http2'?: UpstreamHttp2;
  /** Tells upstreams by the PROXY protocol who the client is. */
  readonly 'upstream-proxy-protocol'?: UpstreamProxyProtocol;
  /** Refuses requests whose URI one of some patterns finds. */
  readonly 'uri-blocker'?: UriBlocker;
  /** Answers or limits requests by conditions. */
  readonly 'workflow'?: Workflow;
}

/** Plugins of a consumer or credential: those that authenticate have what identifies it. */
export interface ConsumerPlugins extends Omit<Plugins, 'basic-auth' | 'hmac-auth' | 'jwe-decrypt' | 'jwt-auth' | 'key-auth' | 'ldap-auth' | 'ldap-auth-advanced'> {
  /** Lets in callers that send the name and the password of a consumer. */
  readonly 'basic-auth'?: BasicAuthCredential;
  /** Lets in callers that sign their requests with a key that a consumer shares with the gateway. */
  readonly 'hmac-auth'?: HmacAuthCredential;
  /** Decrypts tokens (JWE) with keys of consumers, and gives the upstream what was in them. */
  readonly 'jwe-decrypt'?: JweDecryptCredential;
  /** Lets in callers that send a token (JWT) which a consumer, or somebody whom it trusts, has signed. */
  readonly 'jwt-auth'?: JwtAuthCredential;
  /** Lets in callers that send a key of a consumer, in a header or in the query. */
  readonly 'key-auth'?: KeyAuthCredential;
  /** Lets in callers whose name and password a directory takes, and whom a consumer stands for. */
  readonly 'ldap-auth'?: LdapAuthCredential;
  /** Lets in callers that a directory finds by their name and whose password it takes, with or without a consumer. */
  readonly 'ldap-auth-advanced'?: LdapAuthAdvancedCredential;
}
