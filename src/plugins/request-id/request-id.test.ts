import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith, type SeenRequest } from '../../../test/plugins/lab.ts';
import { inertHost } from '../../compile/inert-host.ts';
import { ALL_PLUGINS } from '../all.ts';
import { type Algorithm, identifiers } from './identifiers.ts';

type Attributes = Readonly<Record<string, unknown>>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const identified = (attributes: Attributes): string => routeWith({ 'request-id': attributes });
const valuesOf = ({ headers }: SeenRequest, name: string): string[] =>
  headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);

it('every request gets an id, which upstream and client are both told', async (t) => {
  const lab = await openLab(
    t,
    identified({ header_name: 'X-Request-Id', include_in_response: true, algorithm: 'uuid' }),
  );
  const ids = new Set<string>();
  for (let i = 0; i < 5; i++) {
    const { headers } = await lab.request('/anything');
    const [id = '', ...more] = valuesOf(lab.lastSeen, 'X-Request-Id');
    assert.deepEqual([headers['x-request-id'], more], [id, []]);
    assert.match(id, UUID);
    ids.add(id);
  }
  assert.equal(ids.size, 5);
});

const GIVEN: readonly (readonly [title: string, given: string | readonly string[], isKept: boolean])[] = [
  ['an id of the client is kept', 'some-custom-request-id', true],
  ['any printable ASCII is', '!"#$%&/()=?`{[]}~^:;,._|<>\\', true],
  ['an id of 256 characters is', 'x'.repeat(256), true],
  ['an empty one is replaced', '', false],
  ['one that is too long is', 'x'.repeat(257), false],
  ['an enormous one is', 'x'.repeat(6_000), false],
  ['one with a space is', 'a b', false],
  ['one with a tab is', 'a\tb', false],
  ['one beyond ASCII is', 'caf\u00e9', false],
  ['several are', ['a', 'b'], false],
  ['the same one twice is', ['a', 'a'], false],
];

it('what a client sends as an id', async (t) => {
  const lab = await openLab(t, identified({}));
  for (const [title, given, isKept] of GIVEN) {
    await t.test(title, async () => {
      const { status, headers } = await lab.request('/', { headers: { 'x-request-id': given } });
      const seen = valuesOf(lab.lastSeen, 'X-Request-Id');
      assert.deepEqual([status, seen.length, headers['x-request-id']], [200, 1, seen[0]]);
      if (isKept) assert.equal(seen[0], given);
      else assert.match(seen[0] ?? '', UUID);
    });
  }
});

it('the id stands in the header that is configured', async (t) => {
  const lab = await openLab(t, identified({ header_name: 'X-Req-Identifier' }));
  const { headers } = await lab.request('/');
  assert.match(headers['x-req-identifier'] ?? '', UUID);
  assert.equal(headers['x-request-id'], undefined);
});

it('the id is kept from clients where that is asked for', async (t) => {
  const lab = await openLab(t, identified({ header_name: 'X-Req-Identifier', include_in_response: false }));
  const { headers } = await lab.request('/');
  assert.equal(headers['x-req-identifier'], undefined);
  assert.match(valuesOf(lab.lastSeen, 'X-Req-Identifier')[0] ?? '', UUID);
});

it("an id that the upstream's answer has is left alone", async (t) => {
  const lab = await openLab(t, identified({}));
  assert.equal((await lab.request('/headers?X-Request-Id=mine')).headers['x-request-id'], 'mine');
});

it('a global rule and a route give an id each', async (t) => {
  const rule = JSON.stringify({ id: '1', plugins: { 'request-id': { header_name: 'Global-Request-ID' } } });
  const lab = await openLab(t, `global_rules:\n  - ${rule}\n${identified({ header_name: 'Route-Request-ID' })}`);
  const { headers } = await lab.request('/');
  const { 'global-request-id': ofRule = '', 'route-request-id': ofRoute = '' } = headers;
  assert.match(ofRule, UUID);
  assert.match(ofRoute, UUID);
  assert.notEqual(ofRule, ofRoute);
});

it("the gateway's own answers have an id as well", async (t) => {
  const lab = await openLab(t, routeWith({ 'request-id': {}, 'key-auth': {} }));
  const { status, headers } = await lab.request('/');
  assert.equal(status, 401);
  assert.match(headers['x-request-id'] ?? '', UUID);
});

describe('algorithms', () => {
  const SHAPES: readonly (readonly [attributes: Attributes, shape: RegExp])[] = [
    [{ algorithm: 'uuid' }, UUID],
    [{ algorithm: 'nanoid' }, /^[A-Za-z0-9_-]{21}$/],
    [{ algorithm: 'ksuid' }, /^[0-9A-Za-z]{27}$/],
    [{ algorithm: 'range_id' }, /^[a-zA-Z0-9]{16}$/],
    [{ algorithm: 'range_id', range_id: { length: 6 } }, /^[a-zA-Z0-9]{6}$/],
    [{ algorithm: 'range_id', range_id: { char_set: '01!"#$' } }, /^[01!"#$]{16}$/],
    [{ algorithm: 'range_id', range_id: { char_set: 'aaaaaab', length: 256 } }, /^[ab]{256}$/],
  ];
  it('each has its shape', async (t) => {
    const lab = await openLab(t, identified({}));
    for (const [attributes, shape] of SHAPES) {
      lab.reload(identified(attributes));
      assert.match((await lab.request('/')).headers['x-request-id'] ?? '', shape, JSON.stringify(attributes));
    }
  });

  const owner = { plugin: 'request-id', object: 'routes/1', configHash: '' };
  const RANGE = { char_set: 'abcdefghij', length: 8 };
  /** A host whose random bytes count up from 0. */
  const countingHost = (wall_ms: number) => {
    let next = 0;
    return {
      ...inertHost(owner),
      clock: { monotonic_ms: () => 0, wall_ms: () => wall_ms },
      randomBytes: (length: number) => Uint8Array.from({ length }, () => next++ % 256),
    };
  };

  it('a KSUID holds the time of its making and 16 random bytes', () => {
    const payload = Buffer.from('D7F68AD7CA0AE277772AB36DDB1A3C13', 'hex');
    const host = {
      ...countingHost(Date.parse('2025-09-01T16:39:23+08:00')),
      randomBytes: (length: number) => Buffer.concat([payload, Buffer.alloc(length - 16)]),
    };
    assert.equal(identifiers('ksuid', RANGE, host)(), '325ghCANEKjw6Jsfejg5p6QrLYB');
  });

  it('KSUIDs of later seconds sort behind', async (t) => {
    const clock = new HandClock('2026-01-01T00:00:00Z');
    const lab = await openLab(t, identified({ algorithm: 'ksuid' }), { clock });
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) {
      ids.push((await lab.request('/')).headers['x-request-id'] ?? '');
      clock.pass(1_000);
    }
    assert.deepEqual(ids.toSorted(), ids);
  });

  it('a UUID is random but for version and variant', () => {
    const next = identifiers('uuid', RANGE, countingHost(0));
    assert.equal(next(), '00010203-0405-4607-8809-0a0b0c0d0e0f');
    assert.equal(next(), '10111213-1415-4617-9819-1a1b1c1d1e1f');
  });

  it('characters of a set are equally likely, whatever its size', () => {
    const next = identifiers('range_id', { char_set: 'abcdefghij', length: 2_500 }, countingHost(0));
    const text = next();
    for (const char of 'abcdefghij') assert.equal(text.split(char).length - 1, 250, char);
  });

  it('no two ids are the same', () => {
    const host = {
      ...inertHost(owner),
      randomBytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
    };
    for (const algorithm of ['uuid', 'nanoid', 'ksuid', 'range_id'] satisfies Algorithm[]) {
      const next = identifiers(algorithm, { char_set: '0123456789abcdef', length: 16 }, host);
      assert.equal(new Set(Array.from({ length: 5_000 }, next)).size, 5_000, algorithm);
    }
  });
});

describe('wrong configurations', () => {
  const WRONG: readonly (readonly [attributes: Attributes, problem: RegExp])[] = [
    [{ header_name: '' }, /^header_name: /],
    [{ header_name: 'a b' }, /^header_name: "a b" is no header name/],
    [{ header_name: 'Content-Length' }, /^header_name: Content-Length frames the message/],
    [{ header_name: 'host' }, /^header_name: Host says where a request goes/],
    [{ algorithm: 'snowflake' }, /^algorithm: .*"uuid"/],
    [{ include_in_response: 'yes' }, /^include_in_response: .*write true/],
    [{ range_id: { char_set: 'abcde' } }, /^range_id\.char_set: needs at least 6 characters/],
    [{ range_id: { char_set: 'abc def' } }, /^range_id\.char_set: .*printable ASCII/],
    [{ range_id: { length: 5 } }, /^range_id\.length: 5 is less than the minimum 6/],
    [{ range_id: { length: 257 } }, /^range_id\.length: 257 is more than the maximum 256/],
    [{ range_id: { size: 9 } }, /^range_id\.size: unknown attribute/],
  ];
  for (const [attributes, problem] of WRONG) {
    it(JSON.stringify(attributes), () => {
      const [first = ''] = problemsOf(identified(attributes));
      const prefix = 'routes[0].plugins.request-id.';
      assert.ok(first.startsWith(prefix), first);
      assert.match(first.slice(prefix.length), problem);
    });
  }

  it('the examples of the reference are right', () => {
    const plugin = ALL_PLUGINS.find(({ name }) => name === 'request-id');
    for (const { config } of plugin?.examples ?? []) assert.deepEqual(problemsOf(identified(config as Attributes)), []);
    assert.equal(plugin?.priority, 12_015);
  });
});
