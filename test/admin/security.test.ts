/** Who gets in, and what they get to see. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import type { KeyObject } from 'node:crypto';
import { ADMIN_KEY, startLab, VIEWER_KEY } from './lab.ts';
import { PAIR } from '../certificate.ts';

const ROUTE = { uri: '/a', upstream: { nodes: { 'a:1': 1 } } };

test('a key is taken from the header, the argument or the cookie; without a good one nothing is said', async (t) => {
  const lab = await startLab(t);
  const status = async (path: string, headers: Record<string, string> = {}) =>
    (await lab.ask(path, { key: '', headers })).status;
  assert.equal(await status('/routes', { 'X-API-KEY': ADMIN_KEY }), 200);
  assert.equal(await status(`/routes?api_key=${ADMIN_KEY}`), 200);
  assert.equal(await status('/routes', { Cookie: `a=b; x_api_key=${ADMIN_KEY}` }), 200);
  for (const headers of [{}, { 'X-API-KEY': 'wrong' }, { 'X-API-KEY': '' }, { Cookie: 'x_api_key=wrong' }]) {
    const answer = await lab.ask('/routes/1', { method: 'PUT', body: ROUTE, key: '', headers });
    assert.deepEqual([answer.status, answer.body], [401, { error_msg: 'failed to check token' }]);
  }
  assert.equal(await status('/nowhere'), 401, 'also where there is nothing');
  assert.equal(await status('//openapi.json'), 401);
  assert.equal(lab.denied.length, 6);
  assert.ok(!JSON.stringify(lab.denied).includes('wrong'));
});

test('clients find the version before they have a key', async (t) => {
  const lab = await startLab(t);
  const { status, headers, text } = await lab.ask('', { method: 'HEAD', key: '' });
  assert.deepEqual([status, headers.server, text], [200, 'APISIX/3.18.0', '']);
  assert.equal((await lab.ask('', { key: '' })).status, 401);
});

test('a viewer reads without secrets, validates, and changes nothing', async (t) => {
  const lab = await startLab(t);
  const plugins = { 'key-auth': { key: 'hunter2-hunter2' } };
  await lab.put('/consumers', { username: 'jack', plugins });
  await lab.put('/ssls/1', { ...PAIR, snis: ['a.example'] });
  const isSecret = /hunter2|BEGIN (?:EC )?PRIVATE KEY/;
  await lab.put('/secrets/vault/1', { uri: 'http://v', prefix: 'kv', token: 'hunter2-hunter2' });
  for (const path of [
    '/consumers',
    '/consumers/jack',
    '/ssls',
    '/ssls/1',
    '/secrets',
    '/secrets/vault/1',
    '/configs',
  ]) {
    const seen = await lab.ask(path, { key: VIEWER_KEY });
    assert.equal(seen.status, 200, path);
    assert.doesNotMatch(seen.text, isSecret, path);
    assert.ok(seen.text.includes('***'), path);
    assert.match((await lab.ask(path)).text, isSecret, `${path}: an admin sees it`);
  }
  const yaml = await lab.ask('/configs', { key: VIEWER_KEY, headers: { Accept: 'application/yaml' } });
  assert.ok(yaml.text.includes('jack') && !yaml.text.includes('hunter2'));
  const writes: readonly (readonly [method: string, path: string, body: object])[] = [
    ['PUT', '/routes/1', ROUTE],
    ['POST', '/routes', ROUTE],
    ['PATCH', '/ssls/1', {}],
    ['DELETE', '/ssls/1', {}],
    ['PUT', '/configs', {}],
  ];
  for (const [method, path, body] of writes) {
    const { status, body: answer } = await lab.ask(path, { method, body, key: VIEWER_KEY });
    assert.equal(status, 403);
    assert.match((answer as { error_msg: string }).error_msg, /"guest" has the role viewer/);
  }
  const validation = await lab.ask('/schema/validate/routes', { method: 'POST', body: ROUTE, key: VIEWER_KEY });
  assert.equal(validation.status, 200);
});

test('only addresses on the list get in, whatever their key', async (t) => {
  const allowed = await startLab(t, { server: { allow: ['10.0.0.0/8', '127.0.0.1', '::1'] } });
  assert.equal((await allowed.ask('/routes')).status, 200);
  const lab = await startLab(t, { server: { allow: ['10.0.0.0/8', '2001:db8::/32'] } });
  for (const asked of [{ method: 'GET' }, { method: 'HEAD' }]) {
    const { status } = await lab.ask('', {
      ...asked,
      headers: { 'X-Forwarded-For': '10.0.0.1', 'X-Real-IP': '10.0.0.1' },
    });
    assert.equal(status, 403);
  }
});

test('without keys, pages of other origins and names that anyone can set are refused', async (t) => {
  const lab = await startLab(t, { server: { allowsAnonymous: true, keys: [] } });
  const status = async (headers: Record<string, string>) =>
    (await lab.ask('/routes', { key: '', method: 'POST', body: ROUTE, headers })).status;
  assert.equal(await status({}), 201);
  assert.equal(await status({ Origin: `http://127.0.0.1:${lab.port}` }), 201);
  assert.equal(await status({ Host: 'localhost:9180' }), 201);
  assert.equal(await status({ Origin: 'http://evil.example' }), 403);
  assert.equal(await status({ Origin: 'null' }), 403);
  assert.equal(await status({ 'Sec-Fetch-Site': 'cross-site' }), 403);
  assert.equal(await status({ Host: 'evil.example' }), 403);
  assert.equal(lab.audit[0]?.caller, 'anonymous');
});

test('a key that a browser adds by itself does not serve pages of other origins', async (t) => {
  const lab = await startLab(t);
  const Cookie = `x_api_key=${ADMIN_KEY}`;
  const status = async (headers: Record<string, string>) => (await lab.ask('/routes', { key: '', headers })).status;
  assert.equal(await status({ Cookie, Origin: 'http://evil.example' }), 403);
  assert.equal(await status({ Cookie, Origin: `http://127.0.0.1:${lab.port}` }), 200);
  assert.equal(await status({ 'X-API-KEY': ADMIN_KEY, Origin: 'http://evil.example' }), 200);
});

test('the audit log says who changed what, when and from where, and holds no secret', async (t) => {
  const lab = await startLab(t);
  await lab.put('/consumers', { username: 'jack', plugins: { 'key-auth': { key: 'hunter2-old' } } });
  await lab.put(`/consumers?api_key=${ADMIN_KEY}`, {
    username: 'jack',
    desc: 'x',
    plugins: { 'key-auth': { key: 'hunter2-new' } },
  });
  await lab.ask('/consumers/jack', { method: 'DELETE' });
  await lab.ask('/consumers/jack', { method: 'DELETE' });
  assert.deepEqual(
    lab.audit.map(({ action }) => action),
    ['create', 'update', 'delete'],
  );
  const { time, ...update } = lab.audit[1] ?? { time: '' };
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(update, {
    caller: 'root',
    role: 'admin',
    address: '127.0.0.1',
    method: 'PUT',
    path: '/apisix/admin/consumers',
    revision: 2,
    action: 'update',
    object: 'consumers/jack',
    differences: [
      { path: 'plugins.key-auth.key', before: '***', after: '***' },
      { path: 'desc', after: 'x' },
    ],
  });
  assert.ok(!JSON.stringify(lab.audit).includes('hunter2'));
  assert.ok(!JSON.stringify(lab.audit).includes(ADMIN_KEY));
});

test('a body beyond the limit is refused while it comes, with or without its length', async (t) => {
  const lab = await startLab(t, { server: { maxBody_bytes: 10_000 } });
  const body = JSON.stringify({ ...ROUTE, desc: 'x'.repeat(20_000) });
  const sized = await lab.ask('/routes/1', { method: 'PUT', body });
  assert.equal(sized.status, 413);
  assert.match((sized.body as { error_msg: string }).error_msg, /max_body_bytes: 10000/);
  const chunked = http.request({
    port: lab.port,
    method: 'PUT',
    path: '/apisix/admin/routes/1',
    headers: { 'X-API-KEY': ADMIN_KEY },
  });
  chunked.on('error', () => undefined);
  const answered = once(chunked, 'response') as Promise<[http.IncomingMessage]>;
  chunked.write(body);
  const [response] = await answered;
  assert.equal(response.statusCode, 413);
  chunked.destroy();
  assert.equal((await lab.ask('/routes/1')).status, 404);
});

test('a client that waits for 100 is told to go on, or refused before it sends', async (t) => {
  const lab = await startLab(t, { server: { maxBody_bytes: 10_000 } });
  const ask = async (length: number, sends: string): Promise<string> => {
    const socket = net.connect(lab.port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.write(
      `PUT /apisix/admin/routes/1 HTTP/1.1\r\nHost: a\r\nX-API-KEY: ${ADMIN_KEY}\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    let text = '';
    for await (const piece of socket as AsyncIterable<Buffer>) {
      text += piece.toString();
      if (text === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write(sends);
      if (/\r\n\r\n[^H]/.test(text)) break;
    }
    return text;
  };
  const body = JSON.stringify(ROUTE);
  assert.match(await ask(body.length, body), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
  assert.match(await ask(20_000, ''), /^HTTP\/1\.1 413 /);
});

test('the listener speaks TLS, and lets in only clients with a certificate where that is asked for', async (t) => {
  const { makeCertificates } = await import('./certificates.ts');
  const made = makeCertificates(t);
  if (made === null) return;
  const { ca, server, client } = made;
  const lab = await startLab(t, { server: { tls: { ...server, clientCa: ca } } });
  const { default: https } = await import('node:https');
  const ask = (identity: { cert?: string; key?: string | KeyObject }): Promise<number | string> =>
    new Promise((resolve) => {
      const options = {
        port: lab.port,
        host: '127.0.0.1',
        path: '/apisix/admin/routes',
        ca,
        servername: 'localhost',
        agent: false,
      };
      const request = https.get(
        { ...options, ...identity, headers: { 'X-API-KEY': ADMIN_KEY } } as object,
        (response) => {
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        },
      );
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  assert.equal(await ask(client), 200);
  assert.match(String(await ask({})), /CERTIFICATE_REQUIRED|ECONNRESET|EPIPE/);
});
