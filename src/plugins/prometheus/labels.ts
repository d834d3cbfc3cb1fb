/** Labels of the metrics, in the order in which values are given. */
import type { Schema } from '../../sdk/index.ts';

const OF_A_ROUTE = ['route', 'service', 'consumer', 'node', 'request_type', 'request_llm_model', 'llm_model'] as const;

/** By the name of a metric, as `disabled_labels` has it; the first label says what is counted. */
export const LABELS = {
  http_status: [
    'code',
    'route',
    'matched_uri',
    'matched_host',
    'service',
    'consumer',
    'node',
    'request_type',
    'request_llm_model',
    'llm_model',
    'response_source',
  ],
  http_latency: ['type', ...OF_A_ROUTE],
  bandwidth: ['type', ...OF_A_ROUTE],
} as const;

type MetricName = keyof typeof LABELS;

const disabled = (metric: MetricName): Schema => ({
  type: 'array',
  items: { enum: LABELS[metric].slice(1) },
  description: `Labels of apisix_${metric} that are empty in every series.`,
});

export const metadataSchema = {
  type: 'object',
  properties: {
    disabled_labels: {
      type: 'object',
      description: 'By metric: labels whose values are left empty, so that fewer series come up.',
      properties: {
        http_status: disabled('http_status'),
        http_latency: disabled('http_latency'),
        bandwidth: disabled('bandwidth'),
      },
    },
  },
} as const satisfies Schema;

export interface Metadata {
  readonly disabled_labels?: { readonly [metric in MetricName]?: readonly string[] };
}

/** By metric: where its disabled labels stand among the values. */
export function emptyPlaces(metadata: Metadata | undefined): Readonly<Record<MetricName, readonly number[]>> {
  const placesOf = (metric: MetricName): number[] => {
    const names: readonly string[] = LABELS[metric];
    return (metadata?.disabled_labels?.[metric] ?? []).map((label) => names.indexOf(label));
  };
  return {
    http_status: placesOf('http_status'),
    http_latency: placesOf('http_latency'),
    bandwidth: placesOf('bandwidth'),
  };
}
