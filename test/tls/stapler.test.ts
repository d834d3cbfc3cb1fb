/** How staples are kept: in virtual time, with OpenSSL's answers. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { type Staple, type Stapled, Stapler } from '../../src/tls/stapler.ts';
import { Staples } from '../../src/tls/staples.ts';
import { HandTimers } from '../hand-timers.ts';
import { requireProgram } from '../require-program.ts';
import { type Authority, Certificates } from './certificates.ts';
import { Responder } from './responder.ts';

let files: Certificates;
let authority: Authority;

before((t) => {
  if (requireProgram(t as TestContext, 'openssl') === undefined) return;
  files = new Certificates();
  authority = files.selfSigned('authority');
});

after(() => files.remove());

const HOUR_MS = 3_600_000;

class Lab {
  readonly time = new HandTimers();
  readonly began_ms = Date.now();
  readonly told: Staple[] = [];
  readonly events: string[] = [];
  asked = 0;
  running = 0;
  most = 0;
  failure = '';
  readonly stapler: Stapler;
  readonly staples = new Staples(() => this.now_ms);

  constructor(responder: Responder) {
    this.stapler = new Stapler({
      now_ms: () => this.now_ms,
      random: () => 1,
      startTimer: this.time.start,
      ask: async (_url, request) => {
        this.asked++;
        this.most = Math.max(this.most, ++this.running);
        await Promise.resolve();
        this.running--;
        if (this.failure !== '') throw new Error(this.failure);
        return responder.answer(request);
      },
      onStaples: (staples) => {
        this.told.push(...staples);
        this.staples.take(staples);
      },
      onFailed: (ssl, reason) => this.events.push(`${ssl} ${reason}`),
      onRecovered: (ssl) => this.events.push(`${ssl} recovered`),
    });
  }

  get now_ms(): number {
    return this.began_ms + this.time.now_ms;
  }

  async pass(duration_ms: number): Promise<void> {
    this.time.pass(duration_ms);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
}

async function open(t: TestContext): Promise<{ lab: Lab; responder: Responder; wanted: (key: string) => Stapled }> {
  const responder = await Responder.start(t, authority);
  const pair = authority.issue('one.test', { extensions: [responder.extension] });
  responder.set(pair, 'good');
  const lab = new Lab(responder);
  t.after(() => lab.stapler.close());
  const chain = pair.cert + authority.cert;
  return { lab, responder, wanted: (key) => ({ key, ssl: key, chain, verifies: true, ttl_ms: HOUR_MS }) };
}

test('a staple is renewed in its time, and a certificate that left has none', async (t) => {
  const { lab, wanted } = await open(t);
  lab.stapler.update([wanted('a')]);
  await lab.pass(0);
  assert.ok(lab.staples.get('a') !== null);
  assert.deepEqual([lab.asked, lab.stapler.counts], [1, { valid: 1, missing: 0 }]);
  await lab.pass(HOUR_MS - 1);
  assert.equal(lab.asked, 1);
  await lab.pass(1);
  assert.equal(lab.asked, 2);
  lab.stapler.update([wanted('a'), wanted('b')]);
  await lab.pass(0);
  assert.deepEqual([lab.asked, lab.stapler.all().length], [3, 2]);
  lab.stapler.update([wanted('b')]);
  assert.equal(lab.staples.get('a'), null);
  await lab.pass(HOUR_MS);
  assert.equal(lab.asked, 4, 'only b is asked for');
});

test('a responder that fails is asked again ever more seldom, and the staple serves until it is out of date', async (t) => {
  const { lab, wanted } = await open(t);
  lab.stapler.update([wanted('a')]);
  await lab.pass(0);
  lab.failure = 'no route to host';
  const waits: number[] = [];
  let last_ms = lab.now_ms;
  for (let asked = lab.asked; waits.length < 10;) {
    await lab.pass(1_000);
    if (lab.asked === asked) continue;
    asked = lab.asked;
    waits.push(Math.round((lab.now_ms - last_ms) / 1_000));
    last_ms = lab.now_ms;
  }
  assert.deepEqual(waits, [3_600, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
  assert.deepEqual(lab.events, ['a no route to host'], 'one line for all of them');
  assert.ok(lab.staples.get('a') !== null, 'it is good for a day');
  await lab.pass(24 * HOUR_MS);
  assert.equal(lab.staples.get('a'), null);
  assert.deepEqual(lab.stapler.counts, { valid: 0, missing: 1 });
});

test('it is asked for again after a failure, and that is said', async (t) => {
  const { lab, wanted } = await open(t);
  lab.failure = 'refused';
  lab.stapler.update([wanted('a')]);
  await lab.pass(0);
  assert.equal(lab.staples.get('a'), null);
  lab.failure = '';
  await lab.pass(30_000);
  assert.ok(lab.staples.get('a') !== null);
  assert.deepEqual(lab.events, ['a refused', 'a recovered']);
});

test('once a certificate is revoked, no older staple is shown either', async (t) => {
  const { lab, responder, wanted } = await open(t);
  const one = authority.issue('one.test', { extensions: [responder.extension] });
  responder.set(one, 'good');
  lab.stapler.update([{ ...wanted('a'), chain: one.cert + authority.cert }]);
  await lab.pass(0);
  assert.ok(lab.staples.get('a') !== null);
  responder.set(one, 'revoked');
  await lab.pass(HOUR_MS);
  assert.equal(lab.staples.get('a'), null);
  assert.deepEqual(lab.events, ['a the responder says that the certificate is revoked']);
});

test('many certificates are asked about a few at a time', async (t) => {
  const { lab, wanted } = await open(t);
  lab.failure = 'busy';
  lab.stapler.update(Array.from({ length: 40 }, (_, i) => wanted(String(i))));
  for (let i = 0; i < 40; i++) await lab.pass(0);
  assert.deepEqual([lab.asked, lab.most], [40, 4]);
});

test('a certificate that names no responder is told once', async (t) => {
  const { lab, wanted } = await open(t);
  const chain = authority.issue('bare.test').cert + authority.cert;
  lab.stapler.update([{ ...wanted('a'), chain }]);
  await lab.pass(0);
  await lab.pass(10 * HOUR_MS);
  assert.deepEqual([lab.events, lab.asked], [['a the certificate names no responder'], 0]);
});
