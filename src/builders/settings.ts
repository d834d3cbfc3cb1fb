/** Made by "npm run reference" from the schemas: changes belong there. */

/** What a start needs to know. */
export interface Settings {
  /** Where plain HTTP is accepted. Default: `[{"port":9080}]`. Bounds: ≤ 64 items. */
  readonly http?: readonly {
    /** IP address to listen on; 0.0.0.0 by default. `::` stands for all, those of IPv4 included. Bounds: 1 to 255 characters. */
    readonly address?: string;
    /** Port to listen on; 0 takes a free one and the log names it. Bounds: 0 to 65535. */
    readonly port?: number;
    /** UNIX domain socket to listen on, in place of a port. A relative path begins where this file lies; what another process left there is replaced. Bounds: 1 to 4096 characters. */
    readonly path?: string;
    /** Who may connect to the socket at `path`, as an octal number in quotes; "0660" by default. */
    readonly mode?: string;
    /** User that owns the socket at `path`; the one that the gateway runs as by default. Bounds: 0 to 4294967294. */
    readonly uid?: number;
    /** Group that owns the socket at `path`; the one that the gateway runs as by default. Bounds: 0 to 4294967294. */
    readonly gid?: number;
    /** Takes the address of clients from the PROXY protocol, version 1 or 2, that these peers begin their connections with. */
    readonly proxy_protocol?: {
      /** Addresses and CIDR blocks of the peers that send it, and have to; `unix:` stands for peers on UNIX domain sockets. Nobody else is believed. Bounds: 1 to 4096 items; each: 1 to 255 characters. */
      readonly from: readonly string[];
    };
    /** Whether HTTP/2 in the clear is served too, to clients that begin with its preface (prior knowledge). Default: `false`. */
    readonly http2?: boolean;
  }[];
  /** Where HTTPS is accepted: by the certificates of the SSL objects, chosen by server name. Default: `[]`. Bounds: ≤ 64 items. */
  readonly https?: readonly {
    /** IP address to listen on; 0.0.0.0 by default. `::` stands for all, those of IPv4 included. Bounds: 1 to 255 characters. */
    readonly address?: string;
    /** Port to listen on; 0 takes a free one and the log names it. Bounds: 0 to 65535. */
    readonly port?: number;
    /** UNIX domain socket to listen on, in place of a port. A relative path begins where this file lies; what another process left there is replaced. Bounds: 1 to 4096 characters. */
    readonly path?: string;
    /** Who may connect to the socket at `path`, as an octal number in quotes; "0660" by default. */
    readonly mode?: string;
    /** User that owns the socket at `path`; the one that the gateway runs as by default. Bounds: 0 to 4294967294. */
    readonly uid?: number;
    /** Group that owns the socket at `path`; the one that the gateway runs as by default. Bounds: 0 to 4294967294. */
    readonly gid?: number;
    /** Takes the address of clients from the PROXY protocol, version 1 or 2, that these peers begin their connections with. */
    readonly proxy_protocol?: {
      /** Addresses and CIDR blocks of the peers that send it, and have to; `unix:` stands for peers on UNIX domain sockets. Nobody else is believed. Bounds: 1 to 4096 items; each: 1 to 255 characters. */
      readonly from: readonly string[];
    };
    /** Whether ALPN offers HTTP/2, too. Default: `true`. */
    readonly http2?: boolean;
  }[];
  /** TLS towards clients. Default: `{}`. */
  readonly tls?: {
    /** Server name whose certificate serves clients that name none, or one that nobody serves; empty refuses them. Default: `""`. Bounds: ≤ 253 characters. */
    readonly fallback_sni?: string;
    /** Lowest version of TLS, for SSL objects without ssl_protocols. Default: `"TLSv1.2"`. */
    readonly min_version?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
    /** How long a session can be resumed at most; tickets are protected with new keys as often. Default: `21600000`. Bounds: 1 to 2147483647. */
    readonly ticket_lifetime_ms?: number;
  };
  /** TLS towards nodes of upstreams with the scheme https. Default: `{}`. */
  readonly upstream_tls?: {
    /** Authorities by which nodes are known: bundled for Mozilla's list as Node.js brings it along, system for those of the operating system, or files of certificates in PEM; relative paths begin where this file lies. They are read at the start. Clients of plugins that are given no authorities of their own know their peers by them, too. Default: `["bundled"]`. Bounds: 1 to 64 items; each: 1 to 4096 characters. */
    readonly trusted_certificates?: readonly string[];
    /** Lowest version of TLS. Default: `"TLSv1.2"`. */
    readonly min_version?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
    /** Whether a response that the end of its connection ends is complete only where the node said by close_notify that it ends: by default it is, unless `profile` is apisix. */
    readonly require_close_notify?: boolean;
  };
  /** Where /status and the Control API answer. Default: `{}`. */
  readonly control?: {
    /** IP address to listen on. Default: `"127.0.0.1"`. Bounds: 1 to 255 characters. */
    readonly address?: string;
    /** Port to listen on; 0 takes a free one. Default: `9090`. Bounds: 0 to 65535. */
    readonly port?: number;
  };
  /** Where the Admin API answers; false, the default, opens no port. Default: `false`. */
  readonly admin?: false | {
    /** false: as if the whole key were not there. Default: `true`. */
    readonly enabled?: boolean;
    /** IP address to listen on. Default: `"127.0.0.1"`. Bounds: 1 to 255 characters. */
    readonly address?: string;
    /** Port to listen on; 0 takes a free one. Default: `9180`. Bounds: 0 to 65535. */
    readonly port?: number;
    /** Who may call. Without any, a random key is made at the first start, printed once and kept in key_file. Default: `[]`. Bounds: ≤ 100 items. */
    readonly keys?: readonly {
      /** Stands in the audit log for whoever uses it. Bounds: 1 to 100 characters. */
      readonly name: string;
      /** What clients send in X-API-KEY. Bounds: 8 to 1024 characters; never printed. */
      readonly key: string;
      /** viewer: reads, without secrets; admin: everything. Default: `"admin"`. */
      readonly role?: 'admin' | 'viewer';
    }[];
    /** Where the random key is kept, with mode 600; relative to the configuration file. Default: `"gatewright-admin.key"`. Bounds: 1 to 4096 characters. */
    readonly key_file?: string;
    /** Without keys, everyone on this machine is an admin; on loopback addresses only. Default: `false`. */
    readonly allow_anonymous?: boolean;
    /** Addresses and CIDR blocks that may call; all if empty. Default: `[]`. Bounds: ≤ 4096 items; each: 1 to 64 characters. */
    readonly allow?: readonly string[];
    /** Longest body, in bytes (413). Default: `16777216`. Bounds: 1024 to 268435456. */
    readonly max_body_bytes?: number;
    /** TLS for the listener; paths of PEM files, relative to the configuration file. */
    readonly tls?: {
      /** Certificate chain. Bounds: 1 to 4096 characters. */
      readonly cert: string;
      /** Its private key. Bounds: 1 to 4096 characters. */
      readonly key: string;
      /** Only clients with a certificate of one of these authorities get in. Bounds: 1 to 4096 characters. */
      readonly client_ca?: string;
    };
    /** Where every change is recorded, a line of JSON for each object: stdout, stderr, or a file. Default: `"stderr"`. Bounds: 1 to 4096 characters. */
    readonly audit_log?: string;
  };
  /** Threads that carry traffic; auto: as many as there are cores that the process may use, by its affinity and the quota of its cgroup. Default: `"auto"`. Bounds: 1 to 250. */
  readonly workers?: number | 'auto';
  /** secure: strict defaults; apisix: APISIX's own laxer ones: nodes with scheme https are not verified, real-ip believes everybody, and wrong credentials are not damped, unless the configuration says otherwise; and a route that cannot be understood is left out. Default: `"secure"`. */
  readonly profile?: 'secure' | 'apisix';
  /** How routes are matched: host first, then path; path only; path only, with :name parameters. Default: `"radixtree_host_uri"`. */
  readonly router?: 'radixtree_host_uri' | 'radixtree_uri' | 'radixtree_uri_with_parameter';
  /** Addresses and CIDR blocks of peers whose X-Forwarded-* headers are believed; `unix:` stands for peers on UNIX domain sockets. Default: `[]`. Bounds: ≤ 4096 items; each: 1 to 255 characters. */
  readonly trusted_addresses?: readonly string[];
  /** Server header of every response, in place of the upstream's; empty sends none and lets the upstream's pass. Default: `"Gatewright"`. Bounds: ≤ 256 characters. */
  readonly server_header?: string;
  /** Pseudonym in the Via header of forwarded requests; empty adds none. Default: `"gatewright"`. Bounds: ≤ 256 characters. */
  readonly via?: string;
  /** Whether doubled slashes in paths are merged before matching and forwarding. Default: `true`. */
  readonly merge_slashes?: boolean;
  /** What becomes of 103 responses. Default: `"forward"`. */
  readonly early_hints?: 'forward' | 'drop';
  /** When X-APISIX-Upstream-Status is sent. Default: `"on_5xx"`. */
  readonly upstream_status_header?: 'on_5xx' | 'always' | 'off';
  /** Bounds; what exceeds one is refused. Default: `{}`. */
  readonly limits?: {
    /** Longest request line (414) and longest header field (431), in bytes. Default: `8192`. Bounds: ≥ 256. */
    readonly line_bytes?: number;
    /** Longest header section, in bytes (431). Default: `32768`. Bounds: ≥ 1024. */
    readonly head_bytes?: number;
    /** Most header fields (431). Default: `100`. Bounds: ≥ 1. */
    readonly fields?: number;
    /** Longest request body, in bytes (413); 0 is no limit. Default: `0`. Bounds: ≥ 0. */
    readonly body_bytes?: number;
    /** Most bytes of further requests kept while a response is under way. Default: `65536`. Bounds: ≥ 1024. */
    readonly pipelined_bytes?: number;
    /** Most client connections at once, of all workers together; what comes beyond is closed. 0 is no limit. Default: `0`. Bounds: ≥ 0. */
    readonly connections?: number;
    /** Most requests at once on one connection of HTTP/2; more are refused with REFUSED_STREAM. Default: `128`. Bounds: 1 to 65535. */
    readonly concurrent_streams?: number;
    /** Bytes of a request body that a client of HTTP/2 may send ahead, per request. Default: `262144`. Bounds: 65535 to 16777216. */
    readonly stream_window_bytes?: number;
    /** The same for all requests of one connection. Default: `1048576`. Bounds: 65535 to 67108864. */
    readonly connection_window_bytes?: number;
    /** Most bytes that a worker holds for all its clients of HTTP/2 together: of responses that they do not take, and of request bodies that nobody has taken. Beyond it, the connection that has most of them ends; 0 is no limit. Default: `268435456`. Bounds: ≥ 0. */
    readonly held_bytes?: number;
  };
  /** Deadlines on the client side. Default: `{}`. */
  readonly timeouts?: {
    /** Until a request head is complete, from its first byte. Default: `10000`. Bounds: 1 to 2147483647. */
    readonly head_ms?: number;
    /** Between two reads of a request body. Default: `60000`. Bounds: 1 to 2147483647. */
    readonly body_ms?: number;
    /** Until an idle client connection is closed. Default: `60000`. Bounds: 1 to 2147483647. */
    readonly idle_ms?: number;
    /** How long a client may take nothing of a response. Default: `180000`. Bounds: 1 to 2147483647. */
    readonly send_ms?: number;
    /** How long an unread request body may be quiet after an early response. Default: `5000`. Bounds: 1 to 2147483647. */
    readonly linger_ms?: number;
    /** How long such a body is read at most. Default: `30000`. Bounds: 1 to 2147483647. */
    readonly linger_total_ms?: number;
    /** Until a WebSocket connection without a byte in either direction is closed. Default: `300000`. Bounds: 1 to 2147483647. */
    readonly tunnel_idle_ms?: number;
    /** How long a WebSocket goes on after its consumer, or the credential it was opened with, was removed or changed; then it is closed with 1008. Unset: it goes on. Bounds: 0 to 2147483647. */
    readonly max_stale_ms?: number;
    /** How long WebSockets go on at a stop until they are closed with 1001. Default: `10000`. Bounds: 0 to 2147483647. */
    readonly tunnel_drain_ms?: number;
    /** How long running exchanges may take to end at a stop. Default: `30000`. Bounds: 0 to 2147483647. */
    readonly drain_timeout_ms?: number;
    /** How long the loop of a worker may stand still until the worker is replaced; time in which the machine has no core for it does not count. Default: `5000`. Bounds: 1 to 2147483647. */
    readonly stall_ms?: number;
    /** The same of the control thread, which a large configuration keeps busy for seconds. Default: `60000`. Bounds: 1 to 2147483647. */
    readonly control_stall_ms?: number;
    /** How long connections are still accepted after readiness turned 503. Default: `0`. Bounds: 0 to 2147483647. */
    readonly drain_delay_ms?: number;
  };
  /** What bounds the retries of all upstreams, beside their own `retries` and `retry_timeout`. Default: `{}`. */
  readonly retries?: {
    /** Retries for each hundred requests to an upstream, counted in each worker over about 10 s; attempts after a refused connection are free. Default: `20`. Bounds: 0 to 100000. */
    readonly budget_percent?: number;
    /** Retries a second that are allowed for each upstream and worker, however few requests there are. 1000000 bounds nothing. Default: `10`. Bounds: 0 to 1000000. */
    readonly budget_min_per_second?: number;
    /** Longest wait before the second retry of a request; doubled for each further one, and a random part of it is waited. The first one, and any after a refused connection, goes at once; 0 lets all do so. Default: `50`. Bounds: 0 to 2147483647. */
    readonly backoff_ms?: number;
    /** Bound of that wait. Default: `1000`. Bounds: 0 to 2147483647. */
    readonly backoff_max_ms?: number;
  };
  /** When a worker has more to do than it can: the plugin load-shedding then refuses requests by their priority. Default: `{}`. */
  readonly load_shedding?: {
    /** Delay of the event loop above which a worker is overloaded. Default: `50`. Bounds: 1 to 2147483647. */
    readonly delay_ms?: number;
    /** Delay of the event loop below which it recovers. Default: `20`. Bounds: 1 to 2147483647. */
    readonly recover_delay_ms?: number;
    /** How long it must be overloaded before anything is refused. Default: `1000`. Bounds: 1 to 2147483647. */
    readonly sustained_ms?: number;
    /** Resident memory of the process above which its workers are overloaded; 0 is nine tenths of what the control group or the machine has. Default: `0`. Bounds: ≥ 0. */
    readonly memory_bytes?: number;
  };
  /** One line for every exchange; false writes none. Default: `false`. */
  readonly access_log?: false | {
    /** stdout, stderr, or a file. Default: `"stdout"`. Bounds: not empty. */
    readonly path?: string;
    /** text, json, or a line with $variables. Default: `"text"`. Bounds: 1 to 8192 characters. */
    readonly format?: string;
  };
  /** What the gateway itself has to say. Default: `{}`. */
  readonly error_log?: {
    /** stdout, stderr, or a file. Default: `"stderr"`. Bounds: not empty. */
    readonly path?: string;
    /** The least severe line written. Default: `"info"`. */
    readonly level?: 'debug' | 'info' | 'warn' | 'error';
  };
  /** Where Prometheus fetches metrics; false, the default, opens no port. Default: `false`. */
  readonly metrics?: false | {
    /** IP address to listen on. Default: `"127.0.0.1"`. Bounds: 1 to 255 characters. */
    readonly address?: string;
    /** Port to listen on; 0 takes a free one. Default: `9091`. Bounds: 0 to 65535. */
    readonly port?: number;
    /** The one path that has metrics. Default: `"/apisix/prometheus/metrics"`. Bounds: ≤ 1024 characters. */
    readonly path?: string;
  };
  /** What health checks of upstreams lead to. Default: `{}`. */
  readonly health?: {
    /** An upstream whose nodes are all down: its nodes serve as if none were, or requests get 503. Default: `"use_all"`. */
    readonly all_down?: 'use_all' | 'refuse';
    /** How long a node that came back takes less than its share, growing evenly; 0 gives it its share at once. Default: `0`. Bounds: 0 to 2147483647. */
    readonly slow_start_ms?: number;
  };
  /** How the names of upstream nodes and services are resolved. Default: `{}`. */
  readonly dns?: {
    /** Name servers, address or address:port; by default those of the system. Default: `[]`. Bounds: ≤ 16 items; each: 1 to 255 characters. */
    readonly servers?: readonly string[];
    /** Which addresses count of a name that has both kinds: of one kind if there are any, or all. Default: `"ipv4_first"`. */
    readonly family?: 'ipv4_first' | 'ipv6_first' | 'both';
    /** How long an answer is good for at least. Default: `1000`. Bounds: 1 to 2147483647. */
    readonly min_ttl_ms?: number;
    /** How long an answer is good for at most. Default: `3600000`. Bounds: 1 to 2147483647. */
    readonly max_ttl_ms?: number;
  };
  /** Modules with plugins of your own, in TypeScript or JavaScript; relative paths begin where this file lies. Default: `[]`. Bounds: ≤ 256 items; each: 1 to 4096 characters. */
  readonly plugin_files?: readonly string[];
  /** File that holds the process id while the gateway runs; empty writes none. A relative path begins where this file lies. Default: `""`. Bounds: ≤ 4096 characters. */
  readonly pid_file?: string;
  /** Where objects come from. Default: `{}`. */
  readonly store?: {
    /** file: this file, watched; embedded: a SQLite file; etcd: an etcd (v3) that several machines share. Default: `"file"`. */
    readonly type?: 'file' | 'embedded' | 'etcd';
    /** embedded: the file, gatewright.db by default; relative to the configuration file. Bounds: 1 to 4096 characters. */
    readonly path?: string;
    /** embedded: where the keys are that secrets are encrypted by, one a line, the first one encrypts; by default the path with .key, made at the first start. Bounds: 1 to 4096 characters. */
    readonly key_file?: string;
    /** embedded: the keys themselves, 32 bytes in base64 each, instead of a file; the first one encrypts. Bounds: 1 to 64 items; each once; never printed. */
    readonly keys?: readonly string[];
    /** embedded: the file grows no larger; 1 GiB by default. Bounds: ≥ 1048576. */
    readonly max_bytes?: number;
    /** etcd: its endpoints, http://127.0.0.1:2379 by default; one is used, the others when it fails. Bounds: 1 to 64 items; each once; each: 1 to 512 characters. */
    readonly hosts?: readonly string[];
    /** etcd: what all keys begin with, /apisix by default. Bounds: ≤ 256 characters. */
    readonly prefix?: string;
    /** etcd: the user, where it asks for one. Bounds: 1 to 256 characters. */
    readonly user?: string;
    /** etcd: its password. Bounds: 1 to 1024 characters; never printed. */
    readonly password?: string;
    /** etcd: how https:// endpoints are spoken to. */
    readonly tls?: {
      /** PEM file with the authorities that are trusted; by default those of the system. Bounds: 1 to 4096 characters. */
      readonly ca?: string;
      /** PEM file with the gateway's own certificate. Bounds: 1 to 4096 characters. */
      readonly cert?: string;
      /** PEM file with its key. Bounds: 1 to 4096 characters. */
      readonly key?: string;
      /** The name that the certificate must have; by default the host. Bounds: 1 to 253 characters. */
      readonly sni?: string;
      /** Whether the certificate is verified; true by default. */
      readonly verify?: boolean;
    };
    /** etcd: until a call has failed; 5000 by default. Bounds: 100 to 600000. */
    readonly timeout_ms?: number;
    /** etcd: how often it is asked whether it is still there; 3000 by default. Bounds: 100 to 600000. */
    readonly health_ms?: number;
    /** etcd: how secrets are kept there: by APISIX's keyring, or off, in plain text. */
    readonly encryption?: 'off' | {
      /** Keys of 16 characters (AES-128-CBC) or 32 (AES-256-CBC); the first one encrypts. Bounds: 1 to 64 items; each once; never printed. */
      readonly keyring: readonly string[];
    };
    /** etcd: file with the last good state, gatewright-etcd.snapshot by default; false keeps none. Bounds: 1 to 4096 characters. */
    readonly snapshot?: false | string;
  };
}
