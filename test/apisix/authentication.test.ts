/**
 * The examples of APISIX's pages on authentication: plugins/key-auth.md, basic-auth.md, jwt-auth.md,
 * hmac-auth.md, jwe-decrypt.md.
 */
import { createHmac } from 'node:crypto';
import { describe } from 'node:test';
import { anonymousExample, consumers, followAuthentication, routeTo } from './documented-authentication.ts';

const bearing = (name: string, value: string) => ({ headers: { [name]: value } });

describe('key-auth', () => {
  const jack = consumers(
    { username: 'jack', labels: { custom_id: '495aec6a' } },
    { id: 'jack/credentials/cred-jack-key-auth', plugins: { 'key-auth': { key: 'jack-key' } } },
  );
  const JACK = { 'X-Consumer-Username': 'jack', 'X-Credential-Identifier': 'cred-jack-key-auth' };
  const INVALID = '{"message":"Invalid API key in request"}';
  followAuthentication([
    {
      name: 'a key in the header',
      yaml: jack + routeTo('/anything', { 'key-auth': {} }),
      steps: [
        { asks: ['/anything', bearing('apikey', 'jack-key')], gets: 200, told: JACK },
        { asks: ['/anything', bearing('apikey', 'wrong-key')], gets: 401, body: INVALID },
        // The page writes "Missing API key found in request"; docs/apisix-differences.md says why not.
        { asks: ['/anything'], gets: 401, body: '{"message":"Missing API key in request"}' },
      ],
    },
    {
      name: 'a key in the query, which the upstream sees',
      yaml: jack + routeTo('/anything', { 'key-auth': { hide_credentials: false } }),
      steps: [{ asks: ['/anything?apikey=jack-key'], gets: 200, told: JACK, url: '/anything?apikey=jack-key' }],
    },
    {
      name: 'a key in the query, which the upstream does not see',
      yaml: jack + routeTo('/anything', { 'key-auth': { hide_credentials: true } }),
      steps: [{ asks: ['/anything?apikey=jack-key'], gets: 200, told: JACK, url: '/anything' }],
    },
    {
      name: 'the header comes before the query',
      yaml: jack + routeTo('/anything', { 'key-auth': { query: 'auth' } }),
      steps: [
        { asks: ['/anything?auth=jack-key'], gets: 200 },
        { asks: ['/anything?auth=wrong-key'], gets: 401, body: INVALID },
        { asks: ['/anything?auth=wrong-key', bearing('apikey', 'jack-key')], gets: 200 },
      ],
    },
    {
      name: 'the custom id of a consumer',
      yaml: jack + routeTo('/anything', { 'key-auth': {} }),
      steps: [
        { asks: ['/anything?apikey=jack-key'], gets: 200, told: { ...JACK, 'X-Consumer-Custom-Id': '495aec6a' } },
      ],
    },
    anonymousExample('key-auth', 'jack', { key: 'jack-key' }, ['/anything', bearing('apikey', 'jack-key')]),
  ]);
});

describe('basic-auth', () => {
  const john = consumers(
    { username: 'johndoe', labels: { custom_id: '495aec6a' } },
    {
      id: 'johndoe/credentials/cred-john-basic-auth',
      plugins: { 'basic-auth': { username: 'johndoe', password: 'john-key' } },
    },
  );
  const JOHN = { 'X-Consumer-Username': 'johndoe', 'X-Credential-Identifier': 'cred-john-basic-auth' };
  const RIGHT = 'Basic am9obmRvZTpqb2huLWtleQ==';
  const WRONG = `Basic ${Buffer.from('johndoe:invalid-password').toString('base64')}`;
  followAuthentication([
    {
      name: 'name and password',
      yaml: john + routeTo('/anything', { 'basic-auth': {} }),
      steps: [
        {
          asks: ['/anything', bearing('Authorization', RIGHT)],
          gets: 200,
          told: { ...JOHN, Authorization: RIGHT, 'X-Consumer-Custom-Id': '495aec6a' },
        },
        {
          asks: ['/anything', bearing('Authorization', WRONG)],
          gets: 401,
          body: '{"message":"Invalid user authorization"}',
        },
        { asks: ['/anything'], gets: 401, body: '{"message":"Missing authorization in request"}' },
      ],
    },
    {
      name: 'which the upstream does not see',
      yaml: john + routeTo('/anything', { 'basic-auth': { hide_credentials: true } }),
      steps: [
        {
          asks: ['/anything', bearing('Authorization', RIGHT)],
          gets: 200,
          told: { ...JOHN, Authorization: undefined },
        },
      ],
    },
    anonymousExample('basic-auth', 'johndoe', { username: 'johndoe', password: 'john-key' }, [
      '/anything',
      bearing('Authorization', RIGHT),
    ]),
  ]);
});

describe('jwt-auth', () => {
  // The token of the page, as its own text says it was made.
  const TOKEN =
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJrZXkiOiJqYWNrLWtleSIsIm5iZiI6MTcyOTEzMjI3MX0.UEPXy5jpid624T1XpfjM0PLY73LZPjV3Qt8yZ92kVuU';
  const SECRET = { key: 'jack-key', secret: 'jack-hs256-secret-that-is-very-long' };
  const jackWith = (credential: object): string =>
    consumers(
      { username: 'jack', labels: { custom_id: '495aec6a' } },
      { id: 'jack/credentials/cred-jack-jwt-auth', plugins: { 'jwt-auth': credential } },
    );
  const JACK = { 'X-Consumer-Username': 'jack', 'X-Credential-Identifier': 'cred-jack-jwt-auth' };
  const INVALID = '{"message":"failed to verify jwt"}';
  const at = '2024-10-18T00:00:00Z';
  followAuthentication([
    {
      name: 'a token for a consumer',
      yaml: jackWith(SECRET) + routeTo('/headers', { 'jwt-auth': {} }),
      at,
      steps: [
        {
          asks: ['/headers', bearing('Authorization', TOKEN)],
          gets: 200,
          told: { ...JACK, Authorization: TOKEN, 'X-Consumer-Custom-Id': '495aec6a' },
        },
        {
          asks: [
            '/headers',
            bearing(
              'Authorization',
              'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MjY2NDk2NDAsImtleSI6ImphY2sta2V5In0.kdhumNWrZFxjU_random_random',
            ),
          ],
          gets: 401,
          body: INVALID,
        },
      ],
    },
    {
      name: 'a token before its time',
      yaml: jackWith(SECRET) + routeTo('/headers', { 'jwt-auth': {} }),
      at: '2024-10-17T02:31:10Z',
      steps: [{ asks: ['/headers', bearing('Authorization', TOKEN)], gets: 401, body: INVALID }],
    },
    {
      name: 'in header, query or cookie',
      yaml:
        jackWith(SECRET) +
        routeTo('/get', {
          'jwt-auth': { header: 'jwt-auth-header', query: 'jwt-query', cookie: 'jwt-cookie' },
        }),
      at,
      steps: [
        { asks: ['/get', bearing('jwt-auth-header', TOKEN)], gets: 200, told: { 'jwt-auth-header': TOKEN } },
        { asks: [`/get?jwt-query=${TOKEN}`], gets: 200, url: `/get?jwt-query=${TOKEN}` },
        {
          asks: ['/get', bearing('Cookie', `jwt-cookie=${TOKEN}`)],
          gets: 200,
          told: { Cookie: `jwt-cookie=${TOKEN}` },
        },
      ],
    },
    {
      name: 'RS256, by the public key of the page',
      yaml:
        jackWith({
          key: 'jack-key',
          algorithm: 'RS256',
          public_key:
            '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoTxe7ZPycrEP0SK4OBA2\n0OUQsDN9gSFSHVvx/t++nZNrFxzZnV6q6/TRsihNXUIgwaOu5icFlIcxPL9Mf9UJ\na5/XCQExp1TxpuSmjkhIFAJ/x5zXrC8SGTztP3SjkhYnQO9PKVXI6ljwgakVCfpl\numuTYqI+ev7e45NdK8gJoJxPp8bPMdf8/nHfLXZuqhO/btrDg1x+j7frDNrEw+6B\nCK2SsuypmYN+LwHfaH4Of7MQFk3LNIxyBz0mdbsKJBzp360rbWnQeauWtDymZxLT\nATRNBVyl3nCNsURRTkc7eyknLaDt2N5xTIoUGHTUFYSdE68QWmukYMVGcEHEEPkp\naQIDAQAB\n-----END PUBLIC KEY-----',
        }) + routeTo('/headers', { 'jwt-auth': {} }),
      at,
      steps: [
        {
          asks: [
            '/headers',
            bearing(
              'Authorization',
              'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJrZXkiOiJqYWNrLWtleSIsIm5iZiI6MTcyOTEzMjI3MX0.K-I13em84kAcyH1jfIJl7ls_4jlwg1GzEzo5_xrDu-3wt3Xa3irS6naUsWpxX-a-hmcZZxRa9zqunqQjUP4kvn5e3xg2f_KyCR-_ZbwqYEPk3bXeFV1l4iypv6z5L7W1Niharun-dpMU03b1Tz64vhFx6UwxNL5UIZ7bunDAo_BXZ7Xe8rFhNHvIHyBFsDEXIBgx8lNYMq8QJk3iKxZhZZ5Om7lgYjOOKRgew4WkhBAY0v1AkO77nTlvSK0OEeeiwhkROyntggyx-S-U222ykMQ6mBLxkP4Cq5qHwXD8AUcLk5mhEij-3QhboYnt7yhKeZ3wDSpcjDvvL2aasC25ng',
            ),
          ],
          gets: 200,
          told: JACK,
        },
      ],
    },
    anonymousExample('jwt-auth', 'jack', SECRET, ['/anything', bearing('Authorization', TOKEN)]),
  ]);
});

describe('hmac-auth', () => {
  const CREDENTIAL = { key_id: 'john-key', secret_key: 'john-secret-key' };
  const john = consumers(
    { username: 'john', labels: { custom_id: '495aec6a' } },
    { id: 'john/credentials/cred-john-hmac-auth', plugins: { 'hmac-auth': CREDENTIAL } },
  );
  const JOHN = { 'X-Consumer-Username': 'john', 'X-Credential-Identifier': 'cred-john-hmac-auth' };
  const INVALID = '{"message":"client request can\'t be validated"}';

  /** As the scripts of the page sign: those of its signatures that come of its own keys are only the last ones. */
  const signed = (method: string, target: string, headers: Readonly<Record<string, string>>) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name.toLowerCase()}: ${value}\n`);
    const text = `john-key\n${method} ${target}\n${lines.join('')}`;
    const signature = createHmac('sha256', 'john-secret-key').update(text).digest('base64');
    const names = ['@request-target', ...Object.keys(headers)].join(' ').toLowerCase();
    const Authorization = `Signature keyId="john-key",algorithm="hmac-sha256",headers="${names}",signature="${signature}"`;
    return { method, headers: { ...headers, Authorization } };
  };
  const first = signed('GET', '/get', { Date: 'Fri, 06 Sep 2024 06:41:29 GMT' });
  const at = '2024-09-06T06:42:00Z';
  const posted = { ...signed('POST', '/post', { Date: 'Fri, 06 Sep 2024 09:16:16 GMT' }), body: '{"name": "world"}' };
  const withDigest = (Digest: string) => ({ ...posted, headers: { ...posted.headers, Digest } });
  const custom = signed('GET', '/get', {
    Date: 'Fri, 06 Sep 2024 09:58:49 GMT',
    'x-custom-header-a': 'hello123',
    'x-custom-header-b': 'world456',
  });
  followAuthentication([
    {
      name: 'a signature over target and date',
      yaml: john + routeTo('/get', { 'hmac-auth': {} }, { methods: ['GET'] }),
      at,
      steps: [
        {
          asks: ['/get', first],
          gets: 200,
          told: { ...JOHN, 'X-Consumer-Custom-Id': '495aec6a', Authorization: first.headers.Authorization },
        },
      ],
    },
    {
      name: 'which the upstream does not see',
      yaml: john + routeTo('/get', { 'hmac-auth': { hide_credentials: true } }),
      at,
      steps: [{ asks: ['/get', first], gets: 200, told: { ...JOHN, Authorization: undefined } }],
    },
    {
      name: 'with the digest of the body',
      yaml: john + routeTo('/post', { 'hmac-auth': { validate_request_body: true } }, { methods: ['POST'] }),
      at: '2024-09-06T09:17:00Z',
      steps: [
        { asks: ['/post', withDigest('SHA-256=78qzJuLwSpZ8HacsTdFCQJWxzPMOf8bYctRk2ySLpS8=')], gets: 200, told: JOHN },
        { asks: ['/post', posted], gets: 401, body: INVALID },
        {
          asks: ['/post', withDigest('SHA-256=78qzJuLwSpZ8HacsTdFCQJWxzPMOf8bYctRk2ySLpS9=')],
          gets: 401,
          body: INVALID,
        },
      ],
    },
    {
      name: 'over headers that must be signed',
      yaml:
        john + routeTo('/get', { 'hmac-auth': { signed_headers: ['date', 'x-custom-header-a', 'x-custom-header-b'] } }),
      at: '2024-09-06T09:59:00Z',
      steps: [
        { asks: ['/get', custom], gets: 200, told: { ...JOHN, 'X-Custom-Header-A': 'hello123' } },
        {
          asks: ['/get', signed('GET', '/get', { Date: 'Fri, 06 Sep 2024 09:58:49 GMT' })],
          gets: 401,
          body: INVALID,
        },
      ],
    },
    anonymousExample('hmac-auth', 'john', CREDENTIAL, [
      '/get',
      {
        headers: {
          Date: 'Mon, 21 Oct 2024 17:31:18 GMT',
          Authorization:
            'Signature keyId="john-key",algorithm="hmac-sha256",headers="@request-target date",signature="ztFfl9w7LmCrIuPjRC/DWSF4gN6Bt8dBBz4y+u1pzt8="',
        },
      },
    ]),
  ]);
});

describe('jwe-decrypt', () => {
  const TOKEN =
    'eyJraWQiOiJqYWNrLWtleSIsImFsZyI6ImRpciIsImVuYyI6IkEyNTZHQ00ifQ..vi29KBCQKcVmPwTT.VToyPMFbq-ZY05MIpntP1N3AmYeq3zELQ0B6iQ.vuTPG2ODc-DjUTjNCzfA2A';
  followAuthentication([
    {
      name: 'the text of a token',
      yaml:
        consumers({
          username: 'jack',
          plugins: { 'jwe-decrypt': { key: 'jack-key', secret: 'key-length-should-be-32-chars123' } },
        }) + routeTo('/anything/jwe', { 'jwe-decrypt': { header: 'Authorization', forward_header: 'Authorization' } }),
      steps: [
        {
          asks: ['/anything/jwe', bearing('Authorization', TOKEN)],
          gets: 200,
          told: { Authorization: '{"uid":10000,"uname":"test"}', 'X-Consumer-Username': undefined },
        },
        { asks: ['/anything/jwe'], gets: 403 },
      ],
    },
  ]);
});
