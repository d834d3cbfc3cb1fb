/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of public-api. */
export interface PublicApi {
  /** The endpoint: /v1/quota, or /apisix/prometheus/metrics. Without it, the path of the request has to be one. Bounds: 1 to 256 characters. */
  readonly uri?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Answers a route with an endpoint of the gateway, such as what limits leave to the consumer that asks. */
export function publicApi(attributes: PublicApi = {}): { readonly 'public-api': PublicApi } {
  return { 'public-api': attributes };
}
