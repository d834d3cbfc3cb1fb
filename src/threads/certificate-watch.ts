/** What becomes of certificates while they are in force: who is to be stapled, and how long each is still good. */
import { X509Certificate } from 'node:crypto';
import type { AlarmClock } from '../clock/clock.ts';
import type { CompiledSsl } from '../compile/certificates.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import type { Stapled } from '../tls/stapler.ts';

export interface CertificateWatchParts {
  readonly clock: AlarmClock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
  /** Of the settings; '' for none. */
  readonly fallbackName: string;
  /** Told what is to be stapled, all of it, whenever that changed. */
  readonly onStapled: (stapled: readonly Stapled[]) => void;
}

/** An object whose certificate ends soon, for the status. */
export interface Expiring {
  readonly ssl: string;
  readonly sni: string;
  readonly not_after: string;
}

interface Seen {
  readonly ssl: CompiledSsl;
  /** The earliest end of its certificates and their chains. */
  readonly end_ms: number;
  /** Days of the last warning; Infinity before any. */
  warned: number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Days before the end at which the log says so; 0 is the end. */
const WARNINGS = [0, 1, 7, 30] as const;
const MOST_LISTED = 20;
const MOST_NAMES = 3;
/** The series of an object that left go when nobody has set them for so long. */
const EXPIRE_MS = 60_000;

export class CertificateWatch {
  private readonly parts: CertificateWatchParts;
  private seen = new Map<string, Seen>();
  private stapled = '';
  private hasFallback = true;
  private timer: { stop(): void } | null = null;

  constructor(parts: CertificateWatchParts) {
    this.parts = parts;
    const ends = parts.metrics.gauge('gatewright_certificate_expiry_timestamp_seconds', {
      help: 'When the first certificate of an SSL object, or of its chain, ends: seconds since 1970. Without a name: one that is shown to upstreams.',
      labels: ['ssl', 'sni'],
      expire_ms: EXPIRE_MS,
    });
    parts.metrics.onCollect(() => {
      for (const { ssl, end_ms } of this.seen.values()) {
        for (const name of ssl.names.length === 0 ? [''] : ssl.names) ends.set(end_ms / 1000, ssl.id, name);
      }
    });
    this.watch();
  }

  /** A Snapshot is in force. */
  update({ certificates }: Snapshot): void {
    const before = this.seen;
    this.seen = new Map();
    for (const ssl of certificates?.all() ?? []) {
      const known = before.get(ssl.id);
      this.seen.set(ssl.id, known?.ssl === ssl ? known : { ssl, end_ms: endOf(ssl), warned: Infinity });
    }
    this.staple();
    const { fallbackName, errorLog } = this.parts;
    const hasFallback = fallbackName === '' || certificates?.find(fallbackName) !== undefined;
    if (!hasFallback && this.hasFallback) errorLog.warn('fallback_certificate_missing', { sni: fallbackName });
    this.hasFallback = hasFallback;
    this.warn();
  }

  /** For the status: those that end within 30 days. */
  get remarks(): { readonly certificates_expiring?: readonly Expiring[] } {
    const now_ms = this.parts.clock.wall_ms();
    const soon = Array.from(this.seen.values()).filter(({ end_ms }) => end_ms - now_ms <= 30 * DAY_MS);
    if (soon.length === 0) return {};
    const first = soon.toSorted((one, other) => one.end_ms - other.end_ms).slice(0, MOST_LISTED);
    return {
      certificates_expiring: first.map(({ ssl, end_ms }) => ({
        ssl: ssl.id,
        sni: ssl.names[0] ?? '',
        not_after: new Date(end_ms).toISOString(),
      })),
    };
  }

  close(): void {
    this.timer?.stop();
    this.timer = null;
  }

  private staple(): void {
    const stapled = Array.from(this.seen.values()).flatMap(({ ssl }): Stapled[] => {
      const { id, stapling, certs } = ssl;
      if (stapling === null) return [];
      const { key, verifies, ttl_ms } = stapling;
      return [{ key, ssl: id, chain: certs[0]?.cert ?? '', verifies, ttl_ms }];
    });
    const keys = JSON.stringify(stapled.map(({ key, ssl }) => [key, ssl]));
    if (keys === this.stapled || (this.stapled === '' && stapled.length === 0)) return;
    this.stapled = keys;
    this.parts.onStapled(stapled);
  }

  private watch(): void {
    this.timer = this.parts.clock.startTimer(HOUR_MS, () => {
      this.warn();
      this.watch();
    });
  }

  private warn(): void {
    const now_ms = this.parts.clock.wall_ms();
    for (const one of this.seen.values()) {
      const due = WARNINGS.find((days) => one.end_ms - now_ms <= days * DAY_MS);
      if (due === undefined || due >= one.warned) continue;
      one.warned = due;
      this.say(one, now_ms);
    }
  }

  private say({ ssl, end_ms }: Seen, now_ms: number): void {
    const { errorLog } = this.parts;
    const names = ssl.names.slice(0, MOST_NAMES).join(' ') + (ssl.names.length > MOST_NAMES ? ' …' : '');
    const detail = { ssl: ssl.id, names, not_after: new Date(end_ms).toISOString() };
    if (end_ms <= now_ms) errorLog.error('certificate_expired', detail);
    else errorLog.warn('certificate_expires', { ...detail, days: Math.floor((end_ms - now_ms) / DAY_MS) });
  }
}

function endOf({ certs }: CompiledSsl): number {
  const blocks = certs.flatMap(
    ({ cert }) => cert.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [],
  );
  return Math.min(...blocks.map((block) => endOfOne(block)));
}

/** Of a part of a chain that cannot be parsed nothing is known. */
function endOfOne(block: string): number {
  try {
    return new X509Certificate(block).validToDate.getTime();
  } catch {
    return Infinity;
  }
}
