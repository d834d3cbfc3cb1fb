/** The examples of APISIX's pages on authentication: plugins/key-auth.md, basic-auth.md, jwt-auth.md. */
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
