/** The series that exchanges of one kind write to, found once and kept: to spell their labels out each time costs more. */
import type { Counter, CounterSeries, Histogram, HistogramSeries } from '../../sdk/index.ts';
import { emptyPlaces } from './labels.ts';
import type { Metadata } from './labels.ts';

export interface Metered {
  readonly responses: Counter;
  readonly latency: Histogram;
  readonly bytes: Counter;
}

/** What the labels of an exchange say. */
export interface Kind {
  readonly status: number;
  readonly route: string;
  readonly uri: string;
  readonly host: string;
  readonly service: string;
  readonly source: 'upstream' | 'apisix';
}

export interface KindSeries extends Kind {
  readonly responses: CounterSeries;
  readonly request_ms: HistogramSeries;
  readonly upstream_ms: HistogramSeries;
  readonly gateway_ms: HistogramSeries;
  readonly ingress_bytes: CounterSeries;
  readonly egress_bytes: CounterSeries;
}

/** Kinds of exchanges that are kept; one takes about a kilobyte. */
const MOST_KINDS = 8192;

const REQUEST_TYPE = 'traditional_http';

export class SeriesMemory {
  private readonly metered: Metered;
  private readonly bound: number;
  private readonly empty: ReturnType<typeof emptyPlaces>;
  /** By route, consumer and node, which there may be many of; what else differs is a short list. */
  private kept = new Map<string, Map<string, Map<string, KindSeries[]>>>();
  private count = 0;

  constructor(metered: Metered, metadata: Metadata | undefined, bound = MOST_KINDS) {
    this.metered = metered;
    this.empty = emptyPlaces(metadata);
    this.bound = bound;
  }

  /** How many kinds of exchanges are kept. */
  get size(): number {
    return this.count;
  }

  find(kind: Kind, consumer: string, node: string): KindSeries {
    const list = this.kept.get(kind.route)?.get(consumer)?.get(node);
    if (list !== undefined) {
      for (const series of list) if (isSame(series, kind)) return series;
    }
    return this.add(kind, consumer, node);
  }

  private add(kind: Kind, consumer: string, node: string): KindSeries {
    // Which of them are still in use nobody knows; to make those again costs little.
    if (this.count >= this.bound) {
      this.kept = new Map();
      this.count = 0;
    }
    const made = this.make(kind, consumer, node);
    const ofRoute = entryOf(this.kept, kind.route, () => new Map<string, Map<string, KindSeries[]>>());
    const ofConsumer = entryOf(ofRoute, consumer, () => new Map<string, KindSeries[]>());
    entryOf(ofConsumer, node, (): KindSeries[] => []).push(made);
    this.count++;
    return made;
  }

  private make(kind: Kind, consumer: string, node: string): KindSeries {
    const { responses, latency, bytes } = this.metered;
    const { http_status, http_latency, bandwidth } = this.empty;
    const { status, route, uri, host, service, source } = kind;
    const shared = [service, consumer, node, REQUEST_TYPE, '', ''];
    const statusLabels = blanked([String(status), route, uri, host, ...shared, source], http_status);
    const latencyOf = (type: string): HistogramSeries =>
      latency.series(...blanked([type, route, ...shared], http_latency));
    const bytesOf = (type: string): CounterSeries => bytes.series(...blanked([type, route, ...shared], bandwidth));
    return {
      ...kind,
      responses: responses.series(...statusLabels),
      request_ms: latencyOf('request'),
      upstream_ms: latencyOf('upstream'),
      gateway_ms: latencyOf('apisix'),
      ingress_bytes: bytesOf('ingress'),
      egress_bytes: bytesOf('egress'),
    };
  }
}

/** The route of an exchange may have moved to another service since. */
function isSame(series: KindSeries, kind: Kind): boolean {
  return (
    series.status === kind.status &&
    series.source === kind.source &&
    series.uri === kind.uri &&
    series.host === kind.host &&
    series.service === kind.service
  );
}

function entryOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

function blanked(values: string[], places: readonly number[]): readonly string[] {
  for (const place of places) values[place] = '';
  return values;
}
