import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { candidates, parseHosts, parseSearch } from './system-names.ts';

test('hosts: all addresses of a name, whatever its case, without comments and what is no address', () => {
  const hosts = parseHosts(
    [
      '# made by hand',
      '127.0.0.1\tlocalhost  Alias.Local # the usual',
      '::1 localhost ip6-localhost',
      '10.0.0.1 api api.internal.',
      '10.0.0.2 api',
      '10.0.0.2 api',
      'fe80::1%eth0 scoped',
      'nonsense api',
      '',
    ].join('\n'),
  );
  assert.deepEqual(hosts.get('localhost'), ['127.0.0.1', '::1']);
  assert.deepEqual(hosts.get('alias.local'), ['127.0.0.1']);
  assert.deepEqual(hosts.get('api'), ['10.0.0.1', '10.0.0.2']);
  assert.deepEqual(hosts.get('api.internal'), ['10.0.0.1']);
  assert.equal(hosts.get('#'), undefined);
});

test('resolv.conf: the last of search and domain, and ndots within its bounds', () => {
  assert.deepEqual(parseSearch('nameserver 10.0.0.1\n'), { domains: [], ndots: 1 });
  assert.deepEqual(parseSearch('domain a.test\nsearch b.test C.test.\noptions timeout:1 ndots:5 rotate\n'), {
    domains: ['b.test', 'c.test'],
    ndots: 5,
  });
  assert.deepEqual(parseSearch('search b.test\ndomain a.test x\noptions ndots:99'), { domains: ['a.test'], ndots: 15 });
  assert.deepEqual(parseSearch('#search b.test\noptions ndots:-1 ndots:x'), { domains: [], ndots: 1 });
});

test('names are tried as the system tries them', () => {
  const search = { domains: ['svc.test', 'test'], ndots: 2 };
  assert.deepEqual(candidates('api', search), ['api.svc.test', 'api.test', 'api']);
  assert.deepEqual(candidates('a.b.c', search), ['a.b.c', 'a.b.c.svc.test', 'a.b.c.test']);
  assert.deepEqual(candidates('Api.', search), ['api']);
  assert.deepEqual(candidates('api', { domains: [], ndots: 1 }), ['api']);
});

test('no text of either file makes names that are none, or addresses that are none', () => {
  const seed = Date.now() % 1_000_000;
  let state = seed;
  const random = (below: number): number =>
    ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % below;
  const pieces = [
    '10.0.0.1',
    '::1',
    'fe80::1%lo',
    'Name',
    'a.b.',
    '.',
    '#',
    ' ',
    '\t',
    '\n',
    '\r\n',
    'search',
    'domain',
    'options',
    'ndots:',
    '3',
    '-',
    '\0',
  ];
  for (let round = 0; round < 3_000; round++) {
    const text = Array.from({ length: random(30) }, () => pieces[random(pieces.length)]!).join('');
    for (const [name, addresses] of parseHosts(text)) {
      assert.equal(name, name.toLowerCase(), `seed ${seed}, round ${round}`);
      assert.doesNotMatch(name, /[\s#]/);
      assert.ok(addresses.length > 0 && addresses.every((one) => isIP(one) !== 0), JSON.stringify(text));
    }
    const search = parseSearch(text);
    assert.ok(search.ndots >= 0 && search.ndots <= 15);
    assert.ok(
      search.domains.every((domain) => domain !== '' && !/\s/.test(domain)),
      `seed ${seed}: ${JSON.stringify(text)}`,
    );
    const tried = candidates('api.test', search);
    assert.equal(new Set(tried).has('api.test'), true);
  }
});
