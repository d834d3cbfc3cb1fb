/** The examples of APISIX's documentation of secrets: terminology/secret.md, "Use environment variables to manage secrets". */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith } from '../plugins/lab.ts';

const ENV = { JACK_AUTH_KEY: 'abc', JACK: '{"auth-key":"of-json","openid-key": "def"}' };
const consumer = (key: string): string =>
  `consumers:\n  - { username: jack, plugins: { key-auth: { key: "${key}" } } }\n`;

for (const [reference, key] of [
  ['$ENV://JACK_AUTH_KEY', 'abc'],
  ['$env://JACK_AUTH_KEY', 'abc'],
  ['$ENV://JACK/auth-key', 'of-json'],
] as const) {
  it(`the key of a consumer is what ${reference} stands for, and nothing else`, async (t) => {
    const lab = await openLab(t, routeWith({ 'key-auth': {} }) + consumer(reference), { env: ENV });
    assert.equal((await lab.request('/', { headers: { apikey: key } })).status, 200);
    assert.equal((await lab.request('/', { headers: { apikey: reference } })).status, 401);
  });
}

it('attributes of routes refer to variables, too', async (t) => {
  const lab = await openLab(t, routeWith({ 'response-rewrite': { body: '$env://JACK/openid-key' } }), { env: ENV });
  assert.equal((await lab.request('/')).text, 'def');
});

it('a variable that is not set, or a secret manager, makes no key that everybody can guess', () => {
  assert.deepEqual(problemsOf(routeWith({ 'key-auth': {} }) + consumer('$env://NOT_SET')), [
    'consumers[0].plugins.key-auth.key: the variable NOT_SET is not set where the gateway runs',
  ]);
  assert.deepEqual(problemsOf(routeWith({ 'key-auth': {} }) + consumer('$secret://vault/1/jack/auth-key')), [
    'consumers[0].plugins.key-auth.key: secret managers are not available in this version: write $env://NAME',
  ]);
});
