/**
 * Metrics as text, for Prometheus and what reads the same: the text format 0.0.4, or OpenMetrics 1.0 for those who ask.
 * It comes in pieces, so that its reader can let other work go on between them.
 */
import type { FamilyShape } from './metric-family.ts';

export type ExpositionFormat = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** Characters of a piece, about: a fraction of a millisecond's work. */
const PIECE_LENGTH = 65_536;

/** OpenMetrics for those who prefer it to plain text, or like it as much; plain text for all others. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  let openmetrics = 0;
  let text = 0;
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const weight = parameters.find((one) => one.startsWith('q='))?.slice(2);
    const quality = weight === undefined ? 1 : Number(weight);
    const version = parameters.find((one) => one.startsWith('version='))?.slice(8) ?? '1.0.0';
    if (!(quality > 0 && quality <= 1)) continue;
    if (type === 'application/openmetrics-text' && (version === '1.0.0' || version === '0.0.1')) {
      openmetrics = Math.max(openmetrics, quality);
    } else if (type === 'text/plain') {
      text = Math.max(text, quality);
    }
  }
  return openmetrics > 0 && openmetrics >= text ? 'openmetrics' : 'text';
}

/** Where metrics are read: a registry, or the sum of several. */
export interface MetricSource<S extends { readonly labelText: string }> {
  collect(): readonly ExposedFamily<S>[];
  /** The number at a place of a series. */
  read(series: S, place?: number): number;
}

interface ExposedFamily<S> {
  readonly shape: FamilyShape;
  readonly series: Iterable<S>;
}

/** Each value as it is when its piece is made. */
export function* expose<S extends { readonly labelText: string }>(
  registry: MetricSource<S>,
  format: ExpositionFormat,
): Generator<string, void, void> {
  let piece = '';
  for (const family of registry.collect()) {
    piece += headOf(family, format);
    for (const lines of linesOf(family, registry, format)) {
      piece += lines;
      if (piece.length < PIECE_LENGTH) continue;
      yield piece;
      piece = '';
    }
  }
  if (format === 'openmetrics') piece += '# EOF\n';
  yield piece;
}

function headOf({ shape }: ExposedFamily<unknown>, format: ExpositionFormat): string {
  const { name, type } = shape;
  const help = shape.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  if (format === 'text') return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  const isBareCounter = type === 'counter' && !name.endsWith('_total');
  const family = type === 'counter' && !isBareCounter ? name.slice(0, -'_total'.length) : name;
  // OpenMetrics has no counter x, only x_total. As a metric of unknown type it keeps the one name in both formats.
  const known = isBareCounter ? 'unknown' : type;
  return `# HELP ${family} ${help.replaceAll('"', '\\"')}\n# TYPE ${family} ${known}\n`;
}

function* linesOf<S extends { readonly labelText: string }>(
  family: ExposedFamily<S>,
  registry: MetricSource<S>,
  format: ExpositionFormat,
): Generator<string> {
  const { name, type, buckets } = family.shape;
  if (type !== 'histogram') {
    for (const series of family.series) {
      const labels = series.labelText === '' ? '' : `{${series.labelText}}`;
      yield `${name}${labels} ${numberText(registry.read(series))}\n`;
    }
    return;
  }
  const bounds = [...buckets.map((bound) => boundText(bound, format)), '+Inf'].map((bound) => `le="${bound}"} `);
  for (const series of family.series) {
    const { labelText } = series;
    const prefix = labelText === '' ? `${name}_bucket{` : `${name}_bucket{${labelText},`;
    const labels = labelText === '' ? '' : `{${labelText}}`;
    let count = 0;
    let lines = '';
    for (let at = 0; at < bounds.length; at++) {
      count += registry.read(series, at);
      lines += `${prefix}${bounds[at]!}${count}\n`;
    }
    const sum = numberText(registry.read(series, bounds.length));
    yield `${lines}${name}_sum${labels} ${sum}\n${name}_count${labels} ${count}\n`;
  }
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** OpenMetrics writes bounds as floats: 1 and 1.0 would be two buckets. */
function boundText(bound: number, format: ExpositionFormat): string {
  return format === 'openmetrics' && Number.isInteger(bound) && Math.abs(bound) < 1e21 ? `${bound}.0` : String(bound);
}
