/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of forward-auth. */
export interface ForwardAuth {
  /** URL of the authorization service. */
  readonly uri: string;
  /** Whether its certificate is verified. Default: `true`. */
  readonly ssl_verify?: boolean;
  /** Method it is asked with; with `POST` it gets the body of the request. Default: `"GET"`. */
  readonly request_method?: 'GET' | 'POST';
  /** With `POST`: longest body in bytes, which is kept in memory meanwhile; a longer one is answered with 413. Default: `67108864`. Bounds: 1 to 1073741824. */
  readonly max_req_body_size?: number;
  /** Fields of the request that it gets, besides `X-Forwarded-*`. Bounds: 1 to 100 items; each: not empty. */
  readonly request_headers?: readonly string[];
  /** Fields of its answer that the upstream gets where the request passes. What the client sends under these names is always dropped. Bounds: 1 to 100 items; each: not empty. */
  readonly upstream_headers?: readonly string[];
  /** Fields of its answer that the client gets where the request is refused. Bounds: 1 to 100 items; each: not empty. */
  readonly client_headers?: readonly string[];
  /** Further fields that it gets, with variables in their values, such as `$remote_addr`, or `$post_arg.tenant_id` of a body of up to 64 KiB. Bounds: 1 to 100 attributes. */
  readonly extra_headers?: {
    readonly [name: string]: string | number;
  };
  /** Time in milliseconds from the question to the last byte of its answer. Default: `3000`. Bounds: 1 to 60000. */
  readonly timeout?: number;
  /** Whether connections to it are used again. Default: `true`. */
  readonly keepalive?: boolean;
  /** Time in milliseconds after which an unused connection is closed. Default: `60000`. Bounds: 1000 to 86400000. */
  readonly keepalive_timeout?: number;
  /** Unused connections that each worker keeps. Default: `5`. Bounds: 1 to 65536. */
  readonly keepalive_pool?: number;
  /** Whether requests pass while it cannot be asked; otherwise they are refused. Default: `false`. */
  readonly allow_degradation?: boolean;
  /** Status of the refusal while it cannot be asked. Default: `403`. Bounds: 200 to 599. */
  readonly status_on_error?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Asks a service outside whether a request may pass, and lets it say something to upstream and client. */
export function forwardAuth(attributes: ForwardAuth): { readonly 'forward-auth': ForwardAuth } {
  return { 'forward-auth': attributes };
}
