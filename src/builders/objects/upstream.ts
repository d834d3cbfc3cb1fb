/** Made by "npm run reference" from the schemas: changes belong there. */

/** Nodes that requests go to, and how one of them is chosen. */
export interface Upstream {
  /** How a node is chosen; balancers written in Lua are not supported. Default: `"roundrobin"`. */
  readonly type?: 'roundrobin' | 'chash' | 'ewma' | 'least_conn';
  /** Where requests go: a map of host:port, or unix:/path, to weight, or a list. Empty: every request is answered with 502. */
  readonly nodes?: {
    readonly [name: string]: number;
  } | readonly {
    /** Name or address of the node, or `unix:/path` for a UNIX domain socket. Bounds: 1 to 253 characters. */
    readonly host: string;
    /** Port of the node; the scheme's by default. Bounds: 1 to 65535. */
    readonly port?: number;
    /** Share of the traffic; 0 takes the node out of rotation. Bounds: 0 to 1000000. */
    readonly weight: number;
    /** Nodes of a lower priority serve when those of a higher one were tried or are down. Default: `0`. Bounds: -1000000 to 1000000. */
    readonly priority?: number;
    /** What discovery knows of the node. */
    readonly metadata?: {
      readonly [name: string]: unknown;
    };
  }[];
  /** Name that discovery resolves to nodes. Bounds: 1 to 256 characters. */
  readonly service_name?: string;
  /** Which discovery resolves it. Bounds: not empty. */
  readonly discovery_type?: string;
  /** What that discovery needs to know. */
  readonly discovery_args?: {
    readonly [name: string]: unknown;
  };
  /** What the key of chash is made of. Default: `"vars"`. */
  readonly hash_on?: 'vars' | 'header' | 'cookie' | 'consumer' | 'vars_combinations';
  /** The variable, header, cookie or combination that chash hashes. Bounds: 1 to 4096 characters. */
  readonly key?: string;
  /** Health checks; passive ones need active ones, which bring nodes back. */
  readonly checks?: {
    /** Probes that the gateway sends. */
    readonly active: {
      /** What a probe is. Default: `"http"`. */
      readonly type?: 'http' | 'https' | 'tcp';
      /** Seconds until a probe has failed. Default: `1`. Bounds: ≤ 2147483; > 0. */
      readonly timeout?: number;
      /** Method of a probe; GET unless it is set. */
      readonly http_method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' | 'PATCH';
      /** Body of a probe. Bounds: ≤ 65536 characters. */
      readonly http_req_body?: string;
      /** Probes of this upstream at once. Default: `10`. Bounds: ≥ 1. */
      readonly concurrency?: number;
      /** Host field of a probe; the node's name by default. Bounds: 1 to 261 characters. */
      readonly host?: string;
      /** Port to probe instead of the node's. Bounds: 1 to 65535. */
      readonly port?: number;
      /** Path of a probe, with its query. Default: `"/"`. Bounds: ≤ 4096 characters. */
      readonly http_path?: string;
      /** Whether the node's certificate is verified. Default: `true`. */
      readonly https_verify_certificate?: boolean;
      /** Further header lines of a probe. Bounds: not empty. */
      readonly req_headers?: readonly string[];
      /** Default: `{}`. */
      readonly healthy?: {
        /** Seconds between two probes of a node in this condition. Default: `1`. Bounds: 1 to 2147483. */
        readonly interval?: number;
        /** Statuses that count as a success. Default: `[200,302]`. Bounds: not empty; each once; each: 200 to 599. */
        readonly http_statuses?: readonly number[];
        /** Successes that make a node healthy. Default: `2`. Bounds: 1 to 254. */
        readonly successes?: number;
      };
      /** Default: `{}`. */
      readonly unhealthy?: {
        /** Seconds between two probes of a node in this condition. Default: `1`. Bounds: 1 to 2147483. */
        readonly interval?: number;
        /** Statuses that count as a failure. Default: `[429,404,500,501,502,503,504,505]`. Bounds: not empty; each once; each: 200 to 599. */
        readonly http_statuses?: readonly number[];
        /** HTTP failures that make a node unhealthy. Default: `5`. Bounds: 1 to 254. */
        readonly http_failures?: number;
        /** TCP failures that make a node unhealthy. Default: `2`. Bounds: 1 to 254. */
        readonly tcp_failures?: number;
        /** Timeouts that make a node unhealthy. Default: `3`. Bounds: 1 to 254. */
        readonly timeouts?: number;
      };
    };
    /** Conclusions from the traffic itself. */
    readonly passive?: {
      /** What is looked at. Default: `"http"`. */
      readonly type?: 'http' | 'https' | 'tcp';
      /** Default: `{}`. */
      readonly healthy?: {
        /** Statuses that count as a success. Default: `[200,201,202,203,204,205,206,207,208,226,300,301,302,303,304,305,306,307,308]`. Bounds: not empty; each once; each: 200 to 599. */
        readonly http_statuses?: readonly number[];
        /** Successes that make a node healthy. Default: `5`. Bounds: 0 to 254. */
        readonly successes?: number;
      };
      /** Default: `{}`. */
      readonly unhealthy?: {
        /** Statuses that count as a failure. Default: `[429,500,503]`. Bounds: not empty; each once; each: 200 to 599. */
        readonly http_statuses?: readonly number[];
        /** TCP failures that make a node unhealthy. Default: `2`. Bounds: 0 to 254. */
        readonly tcp_failures?: number;
        /** Timeouts that make a node unhealthy. Default: `7`. Bounds: 0 to 254. */
        readonly timeouts?: number;
        /** HTTP failures that make a node unhealthy. Default: `5`. Bounds: 0 to 254. */
        readonly http_failures?: number;
      };
    };
  };
  /** Attempts after the first; one for each further node by default. Bounds: 0 to 1000. */
  readonly retries?: number;
  /** Seconds after which no further attempt begins; 0: no bound. Default: `0`. Bounds: 0 to 2147483. */
  readonly retry_timeout?: number;
  /** How long the upstream may take, in seconds. */
  readonly timeout?: {
    /** Until the connection is established. Bounds: ≤ 2147483; > 0. */
    readonly connect: number;
    /** Between two successive writes. Bounds: ≤ 2147483; > 0. */
    readonly send: number;
    /** Between two successive reads. Bounds: ≤ 2147483; > 0. */
    readonly read: number;
  };
  /** The protocol that the nodes speak; grpc and grpcs are HTTP/2, in the clear and over TLS. Default: `"http"`. */
  readonly scheme?: 'http' | 'https' | 'grpc' | 'grpcs' | 'tcp' | 'udp' | 'tls' | 'kafka';
  /** Host that the upstream gets: the client's, the node's, or upstream_host. Default: `"pass"`. */
  readonly pass_host?: 'pass' | 'node' | 'rewrite';
  /** The Host with pass_host: rewrite. Bounds: 1 to 253 characters. */
  readonly upstream_host?: string;
  /** TLS towards the nodes. */
  readonly tls?: {
    /** SSL object whose certificate is presented. Bounds: 1 to 64 characters; ≥ 1. */
    readonly client_cert_id?: string | number;
    /** Certificate to present, PEM. Bounds: not empty. */
    readonly client_cert?: string;
    /** Its private key, PEM. Bounds: not empty; never printed. */
    readonly client_key?: string;
    /** Whether a node's certificate has to be valid, of a trusted authority and for the name that is asked for. By default it has to, unless the profile is apisix. */
    readonly verify?: boolean;
  };
  /** Idle connections kept to each node. Default: `{}`. */
  readonly keepalive_pool?: {
    /** How many are kept. Default: `320`. Bounds: 1 to 100000. */
    readonly size?: number;
    /** Seconds until an idle one is closed. Default: `60`. Bounds: 0 to 2147483. */
    readonly idle_timeout?: number;
    /** Requests after which one is closed. Default: `1000`. Bounds: ≥ 1. */
    readonly requests?: number;
  };
  /** A name for people; it need not be unique. Bounds: 1 to 256 characters. */
  readonly name?: string;
  /** What the object is for. Bounds: ≤ 256 characters. */
  readonly desc?: string;
  /** Key-value pairs to find objects by. */
  readonly labels?: {
    readonly [name: string]: string;
  };
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly create_time?: number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly update_time?: number;
  /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
  readonly id?: string | number;
}

/** Nodes that requests go to, and how one of them is chosen. */
export function upstream(attributes: Upstream): Upstream {
  return attributes;
}
