/** The examples of APISIX's pages on authentication: plugins/key-auth.md, basic-auth.md. */
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
