import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAIR } from '../../test/certificate.ts';
import { HandshakeRefused, testGateway } from './index.ts';

const CONFIG = {
  gateway: { https: [{ port: 9443 }] },
  ssls: [
    { id: 'plain', sni: 'a.example', ...PAIR },
    { id: 'mutual', sni: 'm.example', ...PAIR, ssl_protocols: ['TLSv1.3'], client: { ca: PAIR.cert } },
  ],
  routes: [
    {
      uri: '/*',
      plugins: {
        'proxy-rewrite': {
          headers: {
            set: {
              'X-Name': '$ssl_server_name',
              'X-By': '$ssl_protocol',
              'X-Who': '$ssl_client_s_dn',
              'X-Serial': '$ssl_client_serial',
            },
          },
        },
      },
      upstream: { nodes: { '10.0.0.1:80': 1 } },
    },
  ],
};

test('a client over TLS is known as after a handshake, and nothing is encrypted', async () => {
  await using gateway = await testGateway(CONFIG);
  const [seen] = (await gateway.request('https://a.example/x')).seen;
  assert.equal(
    `${seen?.headers['x-name']} ${seen?.headers['x-by']} ${seen?.headers['x-forwarded-proto']}`,
    'a.example TLSv1.3 https',
  );
  assert.equal(seen?.headers['x-forwarded-port'], '9443');
  assert.equal((await gateway.request('http://a.example/x')).seen[0]?.headers['x-forwarded-proto'], 'http');
});

test('a certificate of the client says who it is', async () => {
  await using gateway = await testGateway(CONFIG);
  const certificate = { subject: { O: 'Example', CN: 'jack' }, serialNumber: '0A' };
  const [seen] = (await gateway.request('https://m.example/', { tls: { certificate } })).seen;
  assert.equal(`${seen?.headers['x-who']} ${seen?.headers['x-serial']}`, 'CN=jack,O=Example 0A');
});

for (const [what, url, tls, message] of [
  ['a name that no certificate serves', 'https://other.example/', {}, 'no certificate for other.example'],
  ['no client certificate where one is asked for', 'https://m.example/', {}, 'no client certificate'],
  [
    'one that nobody vouches for',
    'https://m.example/',
    { certificate: { subject: { CN: 'x' }, isTrusted: false } },
    'unable to verify the first certificate',
  ],
  [
    'a protocol that the object does not allow',
    'https://m.example/',
    { protocol: 'TLSv1.2' },
    'TLSv1.2 is not allowed for m.example',
  ],
] as const) {
  test(`the handshake comes to nothing for ${what}`, async () => {
    await using gateway = await testGateway(CONFIG);
    await assert.rejects(gateway.request(url, { tls }), (error) => {
      assert.ok(error instanceof HandshakeRefused);
      assert.equal(error.message, message);
      return true;
    });
  });
}

test('a host that is another object’s is refused on a connection of the first', async () => {
  await using gateway = await testGateway(CONFIG);
  const answer = await gateway.request('https://a.example/', { headers: { Host: 'm.example' } });
  assert.equal(`${answer.status} ${answer.errorCode}`, '421 misdirected');
});
