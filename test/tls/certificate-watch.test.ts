/** What the log, the metrics and the status say of certificates that end: in virtual time. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test, type TestContext } from 'node:test';
import { CertificateIndex } from '../../src/compile/certificates.ts';
import { EMPTY_SNAPSHOT } from '../../src/compile/compile.ts';
import type { Snapshot } from '../../src/compile/snapshot.ts';
import { expose } from '../../src/observe/exposition.ts';
import { MetricRegistry } from '../../src/observe/metrics.ts';
import type { Stapled } from '../../src/tls/stapler.ts';
import { CertificateWatch } from '../../src/threads/certificate-watch.ts';
import { HandTimers } from '../hand-timers.ts';
import { requireProgram } from '../require-program.ts';
import { type Authority, Certificates, type Pair } from './certificates.ts';

let files: Certificates;
let authority: Authority;

before((t) => {
  if (requireProgram(t as TestContext, 'openssl') === undefined) return;
  files = new Certificates();
  authority = files.selfSigned('authority');
});

after(() => files.remove());

const DAY_MS = 86_400_000;

class Lab {
  readonly time = new HandTimers();
  readonly lines: string[] = [];
  readonly stapled: (readonly Stapled[])[] = [];
  readonly metrics = new MetricRegistry({ now_ms: () => this.time.now_ms });
  readonly watch: CertificateWatch;
  start_ms = Date.now();

  constructor(fallbackName = '') {
    const write =
      (level: string) =>
      (event: string, detail: Readonly<Record<string, unknown>> = {}): void =>
        void this.lines.push(
          `${level} ${event} ${String(detail['ssl'] ?? detail['sni'])} ${typeof detail['days'] === 'number' ? detail['days'] : ''}`.trim(),
        );
    const { time } = this;
    const wall = (): number => this.start_ms + time.now_ms;
    this.watch = new CertificateWatch({
      clock: { monotonic_ms: () => time.now_ms, wall_ms: wall, startTimer: time.start },
      errorLog: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
      metrics: this.metrics,
      fallbackName,
      onStapled: (stapled) => this.stapled.push(stapled),
    });
  }

  get series(): string[] {
    const text = Array.from(expose(this.metrics, 'text')).join('');
    return text.split('\n').filter((line) => line.startsWith('gatewright_certificate_expiry'));
  }
}

interface Ssl extends Pair {
  readonly id: string;
  readonly snis?: readonly string[];
  readonly [more: string]: unknown;
}

/** A Snapshot with these objects, which shares with `before` what is the same. */
function snapshotOf(
  ssls: readonly Ssl[],
  before: CertificateIndex | null = null,
): Snapshot & { certificates: CertificateIndex } {
  const readings = new Map(
    ssls.map(({ id, ...ssl }) => [id, { value: { type: 'server', status: 1, ...ssl } }] as const),
  );
  return { ...EMPTY_SNAPSHOT, certificates: new CertificateIndex(readings as never, before) };
}

const endOf = ({ cert }: Pair): number => new X509Certificate(cert).validToDate.getTime();

test('the log says 30, 7 and 1 days before the end, and at the end, each once', async () => {
  const lab = new Lab();
  const pair = authority.issue('one.test', { days: 40 });
  lab.start_ms = endOf(pair) - 40 * DAY_MS;
  lab.watch.update(snapshotOf([{ id: 'one', snis: ['one.test'], ...pair }]));
  assert.deepEqual(lab.lines, []);
  const at: Record<number, string> = {};
  for (let day = 0; day < 45; day++) {
    lab.time.pass(DAY_MS);
    for (const line of lab.lines.splice(0)) at[40 - day - 1] = line;
  }
  assert.deepEqual(at, {
    30: 'warn certificate_expires one 30',
    7: 'warn certificate_expires one 7',
    1: 'warn certificate_expires one 1',
    0: 'error certificate_expired one',
  });
  lab.watch.close();
  assert.equal(lab.time.pending, 0);
});

test('one that is late already is told at once, one that was renewed begins anew, another change says nothing again', () => {
  const lab = new Lab();
  const late = { id: 'late', snis: ['late.test'], ...authority.issue('late.test', { days: 5 }) };
  lab.start_ms = endOf(late) - 4.5 * DAY_MS;
  const first = snapshotOf([late]);
  lab.watch.update(first);
  assert.deepEqual(lab.lines.splice(0), ['warn certificate_expires late 4']);
  const expired = { id: 'expired', snis: ['b.test'], ...authority.issue('b.test', { days: -1 }) };
  const second = snapshotOf([late, expired], first.certificates);
  // As in a Snapshot: what is the same object is compiled to the same.
  lab.watch.update(second);
  assert.deepEqual(
    lab.lines.filter((line) => line.includes('expired ')),
    ['error certificate_expired expired'],
  );
  assert.deepEqual(
    lab.watch.remarks.certificates_expiring?.map(({ ssl, sni }) => `${ssl} ${sni}`),
    ['expired b.test', 'late late.test'],
  );
  lab.watch.update(snapshotOf([{ ...late, ...authority.issue('late.test', { days: 300 }) }]));
  assert.deepEqual(lab.watch.remarks, {});
  lab.watch.close();
});

test('the metric has the first end of a chain for each name, and for certificates towards upstreams', () => {
  const lab = new Lab();
  const middle = authority.issue('middle', { isAuthority: true, days: 3 }) as Authority;
  const chained = middle.issue('a.test', { days: 200 });
  const client = authority.issue('client', { days: 100 });
  lab.watch.update(
    snapshotOf([
      { id: 'a', snis: ['a.test', '*.A.test'], cert: chained.cert + middle.cert, key: chained.key },
      { id: 'c', type: 'client', ...client },
    ]),
  );
  const value = (pair: Pair): string => String(endOf(pair) / 1000);
  assert.deepEqual(lab.series.toSorted(), [
    `gatewright_certificate_expiry_timestamp_seconds{ssl="a",sni="*.a.test"} ${value(middle)}`,
    `gatewright_certificate_expiry_timestamp_seconds{ssl="a",sni="a.test"} ${value(middle)}`,
    `gatewright_certificate_expiry_timestamp_seconds{ssl="c",sni=""} ${value(client)}`,
  ]);
  lab.watch.close();
});

test('what is to be stapled is told when it changes, and a name to fall back to that nobody serves is told once', () => {
  const lab = new Lab('fall.test');
  const pair = authority.issue('one.test');
  const stapled = (ttl: number): Ssl => ({
    id: 'one',
    snis: ['one.test'],
    ...pair,
    ocsp_stapling: { enabled: true, skip_verify: false, cache_ttl: ttl },
  });
  const update = (...ssls: Ssl[]): void => lab.watch.update(snapshotOf(ssls));
  update();
  update(stapled(60));
  update(stapled(60), { id: 'other', snis: ['other.test'], ...pair });
  update(stapled(3600));
  update();
  assert.deepEqual(
    lab.stapled.map((list) => list.map(({ ssl, ttl_ms, verifies }) => `${ssl} ${ttl_ms} ${verifies}`)),
    [['one 60000 true'], ['one 3600000 true'], []],
  );
  const missing = (): string[] => lab.lines.filter((line) => line.includes('fallback')).splice(0);
  assert.deepEqual(missing(), ['warn fallback_certificate_missing fall.test']);
  update({ id: 'f', snis: ['*.test'], ...pair });
  update();
  assert.equal(missing().length, 2);
  lab.watch.close();
});
