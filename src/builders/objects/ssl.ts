/** Made by "npm run reference" from the schemas: changes belong there. */

/** A certificate with its key, and the server names that it serves. */
export interface Ssl {
  /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
  readonly id?: string | number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly create_time?: number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly update_time?: number;
  /** What the object is for. Bounds: ≤ 256 characters. */
  readonly desc?: string;
  /** Key-value pairs to find objects by. */
  readonly labels?: {
    readonly [name: string]: string;
  };
  /** server: presented to clients; client: to upstreams, which takes cert, key and client.ca alone. Default: `"server"`. */
  readonly type?: 'server' | 'client';
  /** Certificate chain, PEM. Bounds: 1 to 65536 characters. */
  readonly cert: string;
  /** Private key, PEM. Bounds: 1 to 65536 characters; never printed. */
  readonly key: string;
  /** Further certificates for the same names. Bounds: each: 1 to 65536 characters. */
  readonly certs?: readonly string[];
  /** Their private keys, in the same order. Bounds: each: 1 to 65536 characters; never printed. */
  readonly keys?: readonly string[];
  /** The server name that it serves. Bounds: 1 to 253 characters. */
  readonly sni?: string;
  /** The server names that it serves. Bounds: not empty; each: 1 to 253 characters. */
  readonly snis?: readonly string[];
  /** Verification of client certificates; for a certificate of type client, of the nodes that it is presented to. */
  readonly client?: {
    /** Certificate authorities, PEM. Bounds: 1 to 65536 characters. */
    readonly ca: string;
    /** Longest chain. Default: `1`. Bounds: ≥ 0. */
    readonly depth?: number;
    /** Paths that need no certificate. Bounds: not empty; each once. */
    readonly skip_mtls_uri_regex?: readonly string[];
  };
  /** 1: enabled; 0: as if it were not there. Default: `1`. */
  readonly status?: 0 | 1;
  /** Showing clients what the authority says of the certificate (OCSP stapling), so that they need not ask. */
  readonly ocsp_stapling?: {
    /** Whether that is done. Default: `false`. */
    readonly enabled?: boolean;
    /** Whether the signature of the authority's answer is left unchecked. Default: `false`. */
    readonly skip_verify?: boolean;
    /** Seconds until an answer is asked for again, or half of the time that it is good for, if that is less. Default: `3600`. Bounds: 60 to 2147483. */
    readonly cache_ttl?: number;
  };
  /** Versions of TLS that are accepted. Bounds: ≤ 3 items; each once. */
  readonly ssl_protocols?: readonly ('TLSv1.1' | 'TLSv1.2' | 'TLSv1.3')[];
}

/** A certificate with its key, and the server names that it serves. */
export function ssl(attributes: Ssl): Ssl {
  return attributes;
}
