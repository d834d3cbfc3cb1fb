import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import type { Explanation } from '../explain/explanation.ts';
import { FailedError, UsageError } from './arguments.ts';
import { explain } from './explain.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-explain-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const YAML = `
gateway: { router: radixtree_host_uri }
global_rules: [{ id: ids, plugins: { request-id: { algorithm: uuid } } }]
routes:
  - { id: posted, uri: /users/*, methods: [POST], priority: 5, upstream_id: u }
  - { id: office, uri: /users/*, remote_addr: 10.0.0.0/8, priority: 4, upstream_id: u }
  - { id: beta, uri: /users/*, vars: [[http_x_beta, '==', secret-value]], priority: 3, upstream_id: u }
  - id: users
    name: people
    uri: /users/*
    service_id: s
    plugins:
      key-auth: { hide_credentials: true }
      limit-count: { count: 3, time_window: 60 }
      proxy-rewrite: { uri: /v2/users }
      cors: { _meta: { filter: [[arg_cors, '==', 'yes']] } }
    upstream_id: u
  - { id: late, uri: /users/*, priority: -1, upstream_id: u }
  - { id: site, host: '*.example.com', uri: /, plugins: { mocking: { response_example: hi, response_status: 201 } } }
  - { id: directory, uri: /directory, plugins: { ldap-auth: { base_dn: dc=org, ldap_uri: ldap.internal } }, upstream_id: u }
  - { id: asked, uri: /asked, plugins: { forward-auth: { uri: 'http://auth.internal/check' } }, upstream_id: u }
  - { id: body, uri: /body, vars: [[post_arg_kind, '==', a]], upstream_id: u }
services: [{ id: s, plugins: { ip-restriction: { whitelist: [127.0.0.0/8, 10.0.0.0/8] } } }]
upstreams: [{ id: u, nodes: { '10.0.0.1:8080': 1 } }]
consumers: [{ username: jack, plugins: { key-auth: { key: jacks-key }, limit-req: { rate: 5, burst: 1, key: remote_addr } } }]
`;
const file = path.join(folder, 'gatewright.yaml');
writeFileSync(file, YAML);

async function run(args: readonly string[], config = file): Promise<string> {
  let text = '';
  const io = { stdout: (more: string) => void (text += more), stderr: () => undefined, env: {}, cwd: folder };
  assert.equal(await explain(['-c', config, ...args], io), 0);
  return text;
}

async function explained(...args: readonly string[]): Promise<Explanation> {
  return JSON.parse(await run(['--json', ...args])) as Explanation;
}

describe('gatewright explain', () => {
  it('says which route serves a request and why, who else was considered, what runs and what is sent', async () => {
    const found = await explained('GET http://api.example/users/x/../%37?a=1', '-H', 'apikey: jacks-key');
    assert.deepEqual(found.request, { method: 'GET', host: 'api.example', path: '/users/7', from: '127.0.0.1' });
    assert.deepEqual(found.route, {
      id: 'users',
      name: 'people',
      serviceId: 's',
      uri: '/users/*',
      host: '',
      upstream: 'upstreams/u',
    });
    assert.deepEqual(
      found.considered.map(({ id, verdict, reason }) => [id, verdict, reason]),
      [
        ['posted', 'fails', 'method GET is not POST'],
        ['office', 'fails', 'address 127.0.0.1 is not in 10.0.0.0/8'],
        ['beta', 'fails', 'the condition on http_x_beta (==) does not hold'],
        ['users', 'serves', ''],
        ['late', 'later', ''],
      ],
    );
    const rewrite = found.phases.rewrite?.map(({ plugin, object, isFilteredOut }) => [plugin, object, isFilteredOut]);
    assert.deepEqual(rewrite?.[0], ['request-id', 'global_rules/ids', false]);
    assert.ok(rewrite?.some(([plugin, object, is]) => plugin === 'cors' && object === 'routes/users' && is === true));
    const late = [...(found.phases.access ?? []), ...(found.phases.consumerRewrite ?? [])];
    const owners = new Map(late.map(({ plugin, object }) => [plugin, object]));
    assert.deepEqual([owners.get('limit-count'), owners.get('limit-req')], ['routes/users', 'consumers/jack']);
    const all = Object.values(found.phases).flat();
    assert.ok(all.some(({ plugin, object }) => plugin === 'ip-restriction' && object === 'services/s'));
    assert.equal(found.consumer?.username, 'jack');
    assert.deepEqual([found.limits[0]?.plugin, found.limits[0]?.remaining], ['limit-count', 2]);
    assert.equal(found.sent?.node, '10.0.0.1:8080');
    assert.match(found.sent?.target ?? '', /^\/v2\/users/);
    assert.ok(found.sent?.rawHeaders.every(([name]) => name.toLowerCase() !== 'apikey'));
    assert.equal(found.answer.repliedBy, 'upstream');
  });

  it('says who answers where nothing is sent', async () => {
    const refused = await explained('/users/7');
    assert.deepEqual([refused.sent, refused.answer.status, refused.answer.repliedBy], [null, 401, 'key-auth']);
    assert.equal(refused.answer.reason, 'nothing_presented', 'which the caller is not told');
    const mocked = await explained('GET http://www.example.com/');
    assert.deepEqual([mocked.route?.host, mocked.answer.status, mocked.answer.body], ['*.example.com', 201, 'hi']);
    const from = await explained('/users/7', '--from', '192.0.2.1', '-H', 'apikey: jacks-key');
    assert.equal(from.answer.status, 403);
    assert.equal((await explained('/users/7', '--from', '10.1.2.3')).route?.id, 'office');
  });

  it('says which routes came near where none serves it', async () => {
    const none = await explained('GET http://example.org/');
    assert.deepEqual([none.route, none.answer.status], [null, 404]);
    assert.deepEqual(
      none.near.map(({ id, failure }) => [id, failure.predicate]),
      [['site', 'host']],
    );
    const text = await run(['GET /user/7']);
    assert.match(text, /^no route serves it\n {2}\w+.*: path "\/user\/7" does not match "\/users\/\*"$/m);
  });

  it('sends a body where routes look into it', async () => {
    const form = ['-H', 'Content-Type: application/x-www-form-urlencoded', 'POST /body'];
    assert.equal((await explained('-d', 'kind=a', ...form)).route?.id, 'body');
    assert.equal((await explained('-d', 'kind=b', ...form)).route, null);
  });

  it('reaches nothing, and names what the answer depends on', async () => {
    const asked = await explained('/asked');
    assert.deepEqual(asked.dependsOn, ['GET http://auth.internal/check']);
    const directory = await explained('-H', 'Authorization: Basic amFjazphY2U=', '/directory');
    assert.deepEqual([directory.answer.status, directory.dependsOn], [500, ['a directory']]);
    assert.match(await run(['/asked']), /what was not asked, though the answer depends on it\n {2}GET http:/);
  });

  it('prints it for people', async () => {
    const text = await run(['GET /users/7', '-H', 'apikey: jacks-key']);
    assert.match(text, /^route users \(people\) serves it, by uri \/users\/\*$/m);
    assert.match(text, /^ {4}posted, uri \/users\/\*: method GET is not POST$/m);
    assert.match(text, /^consumer jack$/m);
    assert.match(text, /^goes to 10\.0\.0\.1:8080 as\n {2}GET \/v2\/users$/m);
    assert.match(text, /^what comes then is up to the upstream$/m);
    assert.doesNotMatch(text, /secret-value|jacks-key/);
  });

  it('refuses what it cannot explain', async () => {
    await assert.rejects(run([]), UsageError);
    await assert.rejects(run(['GET /a b']), UsageError);
    await assert.rejects(run(['/a', '-H', 'no header']), /write 'Name: value'/);
    await assert.rejects(run(['/a', '--from', 'home']), UsageError);
    const wrong = path.join(folder, 'wrong.yaml');
    writeFileSync(wrong, 'routes: [{ id: a }]\n');
    await assert.rejects(
      run(['/a'], wrong),
      (error: unknown) => error instanceof FailedError && /routes\[0\]/.test(error.message),
    );
  });
});
