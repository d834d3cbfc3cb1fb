/** What `gateway.profile: apisix` changes, where the documented examples go further than is safe. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { it } from 'node:test';
import { openLab, routeWith } from '../plugins/lab.ts';
import type { Ask } from '../plugins/lab.ts';

interface Case {
  readonly name: string;
  readonly yaml: string;
  readonly path?: string;
  readonly ask?: () => Ask;
  /** Of the last of so many requests in a row. */
  readonly requests?: number;
  readonly status: { readonly secure: number; readonly apisix: number };
}

const CONSUMER =
  'consumers:\n  - { username: john, plugins: { hmac-auth: { key_id: john-key, secret_key: john-secret-key } } }\n';

const CASES: readonly Case[] = [
  {
    name: 'plugins/ip-restriction.md: the address comes from an argument, whoever sends it',
    yaml: routeWith({ 'ip-restriction': { whitelist: ['192.168.1.241'] }, 'real-ip': { source: 'arg_realip' } }),
    path: '/anything?realip=192.168.1.241',
    status: { secure: 403, apisix: 200 },
  },
  {
    name: 'plugins/ip-restriction.md: another address is refused all the same',
    yaml: routeWith({ 'ip-restriction': { whitelist: ['192.168.1.241'] }, 'real-ip': { source: 'arg_realip' } }),
    path: '/anything?realip=192.168.10.24',
    status: { secure: 403, apisix: 403 },
  },
  {
    name: 'plugins/key-auth.md: a wrong key is a wrong key, however often',
    yaml: routeWith({ 'key-auth': {} }),
    ask: () => ({ headers: { apikey: 'wrong-key' } }),
    requests: 35,
    status: { secure: 429, apisix: 401 },
  },
  {
    name: 'plugins/hmac-auth.md: what is not in signed_headers need not be signed',
    yaml: routeWith({ 'hmac-auth': {} }) + CONSUMER,
    ask: () => {
      const date = new Date().toUTCString();
      const signature = createHmac('sha256', 'john-secret-key').update(`john-key\ndate: ${date}\n`).digest('base64');
      const Authorization = `Signature keyId="john-key",algorithm="hmac-sha256",headers="date",signature="${signature}"`;
      return { headers: { Date: date, Authorization } };
    },
    status: { secure: 401, apisix: 200 },
  },
];

for (const { name, yaml, path = '/get', ask = () => ({}), requests = 1, status } of CASES) {
  for (const profile of ['secure', 'apisix'] as const) {
    it(`${name} (${profile}: ${status[profile]})`, async (t) => {
      const lab = await openLab(t, yaml, { profile });
      for (let i = 1; i < requests; i++) await lab.request(path, ask());
      assert.equal((await lab.request(path, ask())).status, status[profile]);
    });
  }
}
