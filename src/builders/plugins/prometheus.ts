/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of prometheus. */
export interface Prometheus {
  /** Whether the labels route and service are names, where there are names, instead of ids. Default: `false`. */
  readonly prefer_name?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Counts responses and bytes and measures latencies, for Prometheus. */
export function prometheus(attributes: Prometheus = {}): { readonly 'prometheus': Prometheus } {
  return { 'prometheus': attributes };
}

/** What all instances of prometheus share. */
export interface PrometheusMetadata {
  /** By metric: labels whose values are left empty, so that fewer series come up. */
  readonly disabled_labels?: {
    /** Labels of apisix_http_status that are empty in every series. */
    readonly http_status?: readonly ('route' | 'matched_uri' | 'matched_host' | 'service' | 'consumer' | 'node' | 'request_type' | 'request_llm_model' | 'llm_model' | 'response_source')[];
    /** Labels of apisix_http_latency that are empty in every series. */
    readonly http_latency?: readonly ('route' | 'service' | 'consumer' | 'node' | 'request_type' | 'request_llm_model' | 'llm_model')[];
    /** Labels of apisix_bandwidth that are empty in every series. */
    readonly bandwidth?: readonly ('route' | 'service' | 'consumer' | 'node' | 'request_type' | 'request_llm_model' | 'llm_model')[];
  };
}

/** The item of `plugin_metadata` for prometheus. */
export function prometheusMetadata(attributes: PrometheusMetadata): PluginMetadata {
  return { ...attributes, id: 'prometheus' };
}
