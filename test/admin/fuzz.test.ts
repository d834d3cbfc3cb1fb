/** Hostile and broken requests: always answered, never with a failure of the gateway's own, and nothing changes by them. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { KINDS } from '../../src/model/object-set.ts';
import { ADMIN_KEY, startLab } from './lab.ts';

const ROUTE = { uri: '/a', upstream: { nodes: { 'a:1': 1 } } };

test('bodies that are not what is expected are refused with the reason', async (t) => {
  const lab = await startLab(t);
  await lab.put('/routes/1', ROUTE);
  const before = (await lab.ask('/configs')).text;
  const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  const cases: readonly (readonly [body: string, message: RegExp])[] = [
    ['', /^missing configurations/],
    ['   ', /^missing configurations/],
    ['{', /^invalid request body/],
    ['{"uri":"/a"} x', /^invalid request body/],
    ['null', /expected an object/],
    ['[]', /expected an object/],
    ['"text"', /expected an object/],
    ['1', /expected an object/],
    ['{"uri":"/a",}', /^invalid request body/],
    ['\ufeff\ufeff{}', /^invalid request body/],
    [deep(65), /nested deeper than 64/],
    [deep(100_000), /nested deeper than 64|^invalid request body/],
    ['{"__proto__":{"uri":"/a"},"constructor":1}', /unknown attribute "__proto__".*unknown attribute "constructor"/],
    [
      '{"uri":{"toString":1},"upstream":{"nodes":{"__proto__":1}},"service_id":{"valueOf":1}}',
      /^invalid configuration/,
    ],
    [
      `{"uri":"/a","plugins":${JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`p${i}`, {}])))}}`,
      /is not available/,
    ],
  ];
  for (const [body, message] of cases) {
    for (const [method, path] of [
      ['PUT', '/routes/1'],
      ['POST', '/routes'],
      ['PUT', '/routes'],
    ] as const) {
      const answer = await lab.ask(path, { method, body });
      assert.equal(answer.status, 400, body.slice(0, 80));
      const { error_msg } = answer.body as { error_msg: string };
      assert.ok(message.test(error_msg) || error_msg.startsWith('id: '), error_msg.slice(0, 300));
    }
  }
  assert.equal((await lab.ask('/routes/1', { method: 'PUT', body: '"\ud800' })).status, 400);
  assert.equal((await lab.ask('/configs')).text, before);
});

test('bytes that are no UTF-8 are refused', async (t) => {
  const lab = await startLab(t);
  const socket = net.connect(lab.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write(
    `PUT /apisix/admin/routes/1 HTTP/1.1\r\nHost: a\r\nX-API-KEY: ${ADMIN_KEY}\r\nContent-Length: 3\r\nConnection: close\r\n\r\n`,
  );
  socket.write(Buffer.from([0x22, 0xff, 0x22]));
  let text = '';
  for await (const piece of socket as AsyncIterable<Buffer>) text += piece.toString();
  assert.match(text, /^HTTP\/1\.1 400 [\s\S]*it is not UTF-8/);
});

test('random requests get an answer that is documented, and never one of 5xx', async (t) => {
  const lab = await startLab(t);
  await lab.put('/upstreams/1', { nodes: { 'a:1': 1 } });
  const kinds = [...KINDS, 'configs', 'plugins', 'schema/validate/routes', 'nothing', ''];
  const attribute = fc.constantFrom(
    'uri',
    'id',
    'plugins',
    'upstream',
    'nodes',
    'username',
    'vars',
    'hosts',
    'key',
    'routes',
    'labels',
    'status',
    '__proto__',
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('1', 1, '/a', null, true, '', -1, 1e300, 'a:1', 'cors', [], {}),
      fc.dictionary(attribute, tie('any'), { maxKeys: 4 }),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.string({ maxLength: 8 }),
    ),
  })).any;
  const request = fc.record({
    method: fc.constantFrom('GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'HEAD'),
    path: fc.tuple(
      fc.constantFrom(...kinds),
      fc.array(fc.oneof(fc.constantFrom('1', 'credentials', 'vault', 'cors'), fc.webSegment()), { maxLength: 3 }),
    ),
    query: fc.webQueryParameters(),
    body: fc.oneof(
      value.map((one) => JSON.stringify(one)),
      fc.string(),
    ),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, path: [kind, rest], query, body }) => {
      const path = `/${[kind, ...rest.map(encodeURIComponent)].join('/')}?${query}`;
      const answer = await lab.ask(path, { method, ...(method === 'GET' || method === 'HEAD' ? {} : { body }) });
      assert.ok(
        answer.status < 500 || answer.status === 501,
        `${method} ${path} ${body}: ${answer.status} ${answer.text}`,
      );
      assert.deepEqual(lab.errors, []);
      if (answer.status >= 400 && method !== 'HEAD') {
        const { error_msg, message } = answer.body as { error_msg?: unknown; message?: unknown };
        assert.ok(typeof error_msg === 'string' || message === 'Key not found', answer.text);
      }
    }),
    { numRuns: 250 },
  );
  assert.equal(({} as Record<string, unknown>)['uri'], undefined, 'no prototype was changed');
});
