import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONNECTION, HOP, HOST, KINDS, parsed, PLAIN, REMOVED, VIA, X_FORWARDED_FOR } from './fields.ts';
import { Head, NO_HEAD } from './head.ts';
import { parseRequestHead } from './request-head.ts';

const LIMITS = { line_bytes: 8_192, head_bytes: 32_768, fields: 100 };
const flags = (...kinds: number[]): Uint8Array =>
  Uint8Array.from({ length: KINDS }, (_, kind) => (kinds.includes(kind) ? 1 : 0));

function headOf(lines: readonly string[]): Head {
  const text = ['GET / HTTP/1.1', 'Host: a', ...lines].map((line) => `${line}\r\n`).join('');
  const bytes = Buffer.from(`${text}\r\n`, 'latin1');
  assert.ok(parseRequestHead(bytes, 0, bytes.length, LIMITS) > 0, text);
  return new Head(text);
}

describe('a head', () => {
  const head = headOf(['Accept: x', 'COOKIE:  a=1 \t', 'cookie: b', 'Empty:', 'Via: 1.0 x', 'via: 1.1 y']);

  it('gives the first value of a name in any case, and undefined without one', () => {
    assert.deepEqual(
      ['host', 'accept', 'cookie', 'empty', 'cooki', 'cookies', ''].map((name) => head.get(name)),
      ['a', 'x', 'a=1', '', undefined, undefined, undefined],
    );
  });

  it('tells whether a value is a text, to the character', () => {
    const cookie = head.indexOf('cookie', 0);
    for (const [text, expected] of [
      ['a=1', true],
      ['a=2', false],
      ['A=1', false],
      ['a=', false],
      ['a=1 ', false],
      ['', false],
    ] as const)
      assert.equal(head.holds(cookie, text), expected, JSON.stringify(text));
    assert.equal(head.holds(head.indexOf('empty', 0), ''), true);
  });

  it('finds the next of several', () => {
    const first = head.indexOf('cookie', 0);
    assert.equal(head.value(head.indexOf('cookie', first + 1)), 'b');
    assert.equal(head.indexOf('cookie', head.indexOf('cookie', first + 1) + 1), -1);
  });

  it('joins the values of a kind', () => {
    assert.equal(head.joined(VIA), '1.0 x, 1.1 y');
    assert.equal(head.joined(X_FORWARDED_FOR), '');
    assert.deepEqual([head.has(VIA), head.has(HOST), head.has(CONNECTION)], [true, true, false]);
  });

  it('keeps names and values as they came, without the space around values', () => {
    assert.deepEqual([head.name(2), head.value(2)], ['COOKIE', 'a=1']);
  });

  it('does not change when another message is parsed', () => {
    const before = JSON.stringify([head.get('accept'), head.forwarded(flags(VIA))]);
    headOf(['Other: z', 'Connection: cookie', 'Cookie: q', 'W: w', 'V: v', 'U: u', 'T: t']);
    assert.equal(JSON.stringify([head.get('accept'), head.forwarded(flags(VIA))]), before);
  });

  it('that was never there is empty', () => {
    assert.equal(NO_HEAD.get('host'), undefined);
    assert.equal(NO_HEAD.forwarded(flags(HOP)), '');
  });
});

describe('fields that Connection names', () => {
  const hopByHop = (...lines: string[]): string[] => {
    const head = headOf(lines);
    return Array.from({ length: head.count }, (_, k) => k)
      .filter((k) => head.kind(k) === HOP)
      .map((k) => head.name(k));
  };

  it('are hop-by-hop, in any case, all of them', () => {
    assert.deepEqual(hopByHop('X: 1', 'Connection: x , Y', 'y: 2', 'Z: 3', 'x: 4'), ['X', 'y', 'x']);
  });

  it('are hop-by-hop also if a second Connection names them', () => {
    assert.deepEqual(hopByHop('Connection: close', 'X: 1', 'Connection: x'), ['X']);
  });

  it('stay where a client must not be able to strip them', () => {
    const names = [
      'Authorization',
      'Cookie',
      'Content-Length',
      'X-Forwarded-For',
      'X-Forwarded-Extra',
      'X-Real-IP',
      'Via',
      'Set-Cookie',
    ];
    const lines = names.map((name) => `${name}: ${name === 'Content-Length' ? '0' : 'v'}`);
    assert.deepEqual(hopByHop(`Connection: ${[...names, 'Host'].join(', ')}`, ...lines), []);
  });

  it('are not found by a part of their name', () => {
    assert.deepEqual(hopByHop('Connection: foo', 'Fo: 1', 'Foo-Bar: 2', 'Foo: 3'), ['Foo']);
  });
});

/** mulberry32. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('random heads', () => {
  const NAMES = [
    'Accept',
    'accept',
    'X',
    'x',
    'X-Forwarded-For',
    'Via',
    'VIA',
    'Keep-Alive',
    'Date',
    'Cookie',
    'Server',
    'X-Y',
  ];
  const VALUES = ['', 'a', 'b, c', '  padded\t', 'é', 'x: y'];

  for (const seed of [1, 2, 3]) {
    it(`behave as a list of lines would (seed ${seed})`, () => {
      const random = seededRandom(seed);
      const one = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)];
      for (let round = 0; round < 2_000; round++) {
        const lines = Array.from({ length: Math.floor(random() * 9) }, () => `${one(NAMES)}:${one(VALUES)}`);
        const head = headOf(lines);
        let model = ['Host: a', ...lines].map((line, index) => {
          const colon = line.indexOf(':');
          return {
            line,
            name: line.slice(0, colon).toLowerCase(),
            value: line.slice(colon + 1).replaceAll(/^[\t ]+|[\t ]+$/g, ''),
            kind: head.kind(index),
          };
        });
        for (let k = Math.floor(random() * 3); k > 0; k--) {
          const name = one(NAMES).toLowerCase();
          head.remove(name);
          model = model.filter((field) => field.name !== name);
        }
        for (const name of NAMES) {
          const lower = name.toLowerCase();
          assert.equal(head.get(lower), model.find((field) => field.name === lower)?.value);
        }
        const via = model.filter((field) => field.name === 'via').map(({ value }) => value);
        assert.equal(head.joined(VIA).replaceAll(/^(?:, )+/g, ''), via.join(', ').replaceAll(/^(?:, )+/g, ''));
        const kinds = Array.from({ length: KINDS }, (_, kind) => kind).filter(
          (kind) => kind !== PLAIN && random() < 0.4,
        );
        const forwarded = model.filter(({ kind }) => !kinds.includes(kind)).map(({ line }) => `${line}\r\n`);
        assert.equal(head.forwarded(flags(REMOVED, ...kinds)), forwarded.join(''));
      }
    });
  }
});

it('what is found out about a message stands beside its fields', () => {
  headOf(['Connection: x, Close', 'TE: gzip, trailers', 'Upgrade: h2c', 'Content-Length: 12', 'Expect: 100-Continue']);
  const { connectionClose, connectionKeepAlive, acceptsTrailers, upgrade, contentLength, expectContinue, host, count } =
    parsed;
  assert.deepEqual(
    { connectionClose, connectionKeepAlive, acceptsTrailers, upgrade, contentLength, expectContinue, host, count },
    {
      connectionClose: true,
      connectionKeepAlive: false,
      acceptsTrailers: true,
      upgrade: true,
      contentLength: 12,
      expectContinue: true,
      host: 0,
      count: 6,
    },
  );
});
