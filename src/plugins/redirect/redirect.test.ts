import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Lab, openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import redirect from './redirect.ts';

const CASES: [attributes: object, target: string, location: string | null, status?: number][] = [
  [{ uri: '/test/default.html', ret_code: 301 }, '/test/index.html', '/test/default.html', 301],
  [{ uri: '$uri/index.html', ret_code: 301 }, '/test', '/test/index.html', 301],
  [{ uri: '${uri}x/$nothing$arg_a' }, '/test?a=1', '/testx/1', 302],
  [{ uri: 'https://example.com/foo/bar' }, '/x?y=z', 'https://example.com/foo/bar'],
  [{ uri: 'https://$host$request_uri' }, '/x?y=z', 'https://a.example/x?y=z'],
  [{ uri: '//cdn.example$uri' }, '/x', '//cdn.example/x'],
  [{ regex_uri: ['^/iresty/(.*)/(.*)/(.*)', '/$1-$2-$3'] }, '/iresty/a/b/c', '/a-b-c'],
  [{ regex_uri: ['^/iresty/(.*)/(.*)/(.*)', '/$1-$2-$3'] }, '/other/a/b/c', null],
  [{ regex_uri: ['^/old/(.*)', 'https://new.example/$1'], ret_code: 308 }, '/old/x', 'https://new.example/x', 308],
  [{ uri: '/new', append_query_string: true }, '/x?a=b&c', '/new?a=b&c'],
  [{ uri: '/new?d=e', append_query_string: true }, '/x?a=b', '/new?d=e&a=b'],
  [{ uri: '/new#part', append_query_string: true }, '/x?a=b', '/new?a=b#part'],
  [{ uri: '/new', append_query_string: true }, '/x', '/new'],
  [{ uri: '/a b/%41%/ä', encode_uri: true }, '/x', '/a%20b/%41%25/%C3%A4'],
  [{ uri: '$arg_to', encode_uri: false }, '/x?to=%2F%2Fevil.example', '/evil.example'],
  [{ uri: '$arg_to' }, '/x?to=/%5Cevil.example', '/%5Cevil.example'],
  [{ uri: '/x?$arg_to' }, '/?to=a%0d%0aSet-Cookie:b', '/x?a%0D%0ASet-Cookie:b'],
  [{ http_to_https: true }, '/hello?a=b', 'https://a.example/hello?a=b', 301],
];

for (const [attributes, target, location, status = 302] of CASES) {
  it(`${JSON.stringify(attributes)} sends ${target} to ${location}`, async (t) => {
    const lab = await openLab(t, routeWith({ redirect: attributes }));
    const answer = await lab.request(target, { headers: { Host: 'a.example' } });
    assert.equal(answer.headers['location'] ?? null, location);
    assert.equal(answer.status, location === null ? 200 : status);
    assert.equal(lab.seen.length, location === null ? 1 : 0);
  });
}

it('to HTTPS, methods with a body keep it: 308', async (t) => {
  const lab = await openLab(t, routeWith({ redirect: { http_to_https: true } }));
  const answer = await lab.request('/', { method: 'POST', body: 'x' });
  assert.deepEqual([answer.status, answer.headers['location']], [308, 'https://app.example/']);
});

it('the port of HTTPS is that of the metadata, and the port of HTTP is left out', async (t) => {
  const lab = await openLab(
    t,
    `plugin_metadata: [{ id: redirect, https_port: 9443 }]\n${routeWith({ redirect: { http_to_https: true } })}`,
  );
  const answer = await lab.request('/hello', { headers: { Host: '127.0.0.1:9080' } });
  assert.equal(answer.headers['location'], 'https://127.0.0.1:9443/hello');
  const other = await lab.request('/hello', { headers: { Host: '[::1]:9080' } });
  assert.equal(other.headers['location'], 'https://[::1]:9443/hello');
});

it('without one it is that of a listener with TLS, and 443 where there is none', async (t) => {
  const route = routeWith({ redirect: { http_to_https: true } });
  const locationOf = async (lab: Lab): Promise<string | undefined> => (await lab.request('/hello')).headers['location'];
  assert.equal(await locationOf(await openLab(t, route)), 'https://app.example/hello');
  const secure = await openLab(t, `gateway: { https: [{ address: 127.0.0.1, port: 0 }] }\n${route}`);
  assert.equal(await locationOf(secure), `https://app.example:${secure.tlsPorts[0]}/hello`);
});

it('a trusted proxy that ends TLS is believed, any other is not', async (t) => {
  const route = routeWith({ redirect: { http_to_https: true } });
  const headers = { 'X-Forwarded-Proto': 'https' };
  const trusting = await openLab(t, `gateway: { trusted_addresses: [127.0.0.0/8] }\n${route}`);
  assert.equal((await trusting.request('/', { headers })).status, 200);
  const lab = await openLab(t, route);
  assert.equal((await lab.request('/', { headers })).status, 301);
});

const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /exactly one of "http_to_https", "uri" and "regex_uri"/],
  [{ http_to_https: false }, /exactly one of/],
  [{ uri: '/a', http_to_https: true }, /exactly one of/],
  [{ uri: '/a', regex_uri: ['a', 'b'] }, /exactly one of/],
  [{ http_to_https: true, append_query_string: true }, /append_query_string: .*by itself/],
  [{ regex_uri: ['(a', 'b'] }, /regex_uri\[0\]/],
  [{ regex_uri: ['a'] }, /regex_uri/],
  [{ uri: '/a', ret_code: 100 }, /ret_code: 100 is less than/],
  [{ uri: '/a\nb' }, /uri.*control characters/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ redirect: attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of redirect.examples ?? []) assert.deepEqual(problemsOf(routeWith({ redirect: config })), []);
});
