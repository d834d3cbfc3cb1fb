import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { openLab, problemsOf, routeWith, type Answer, type Ask, type Lab } from '../../../test/plugins/lab.ts';
import { definePlugin, type AnyPlugin } from '../../sdk/index.ts';
import { ALL_PLUGINS } from '../all.ts';
import { compileFilters } from './filter.ts';

type Attributes = Readonly<Record<string, unknown>>;

const rewritten = (attributes: Attributes): string => routeWith({ 'response-rewrite': attributes });

function answerThrough(lab: Lab, attributes: Attributes, path: string, ask?: Ask): Promise<Answer> {
  lab.reload(rewritten(attributes));
  return lab.request(path, ask);
}

/** One lab for all rows; each is a test of its own. */
function table<Row extends readonly [title: string, ...unknown[]]>(
  name: string,
  rows: readonly Row[],
  body: (lab: Lab, row: Row) => Promise<void>,
): void {
  it(name, async (t) => {
    const lab = await openLab(t, routeWith({}));
    for (const row of rows) await t.test(row[0], () => body(lab, row));
  });
}

/** A plugin that answers by itself. */
function replying(headers: Readonly<Record<string, string>>, body: Uint8Array): AnyPlugin {
  return definePlugin({
    name: 'coded',
    priority: 10,
    summary: 'Answers.',
    schema: { type: 'object' },
    create: () => ({ access: () => ({ status: 200, headers, body }) }),
  });
}

type Fields = Readonly<Record<string, readonly string[]>>;
const HEADERS: readonly (readonly [title: string, headers: Attributes, path: string, expected: Fields])[] = [
  [
    'set takes the place of what came',
    { set: { 'X-A': 'new', 'X-B': 3 } },
    '/headers?x-a=1&X-A=2',
    { 'X-A': ['new'], 'X-B': ['3'] },
  ],
  ['add comes beside what came', { add: ['X-A: 2', 'X-A:3 : 4 '] }, '/headers?X-A=1', { 'X-A': ['1', '2', '3 : 4'] }],
  ['a value of one character', { add: ['X-A:1'] }, '/headers', { 'X-A': ['1'] }],
  ['remove takes away', { remove: ['x-a', 'X-None'] }, '/headers?X-A=1&X-B=2', { 'X-A': [], 'X-B': ['2'] }],
  [
    'add comes first, then remove, then set',
    { set: { A: '3' }, remove: ['A', 'B'], add: ['A: 1', 'B: 2', 'C: 4'] },
    '/headers?A=0&C=0',
    { A: ['3'], B: [], C: ['0', '4'] },
  ],
  [
    'without actions, all are set',
    { remote_addr: '$remote_addr', 'X-N': 1.5 },
    '/headers',
    { remote_addr: ['127.0.0.1'], 'X-N': ['1.5'] },
  ],
  [
    'variables stand in values',
    { set: { 'X-A': '$status ${request_method}', 'X-None': '$arg_none' }, add: ['X-B: <$uri>'] },
    '/status/201',
    { 'X-A': ['201 GET'], 'X-None': [''], 'X-B': ['</status/201>'] },
  ],
  ['Server is a field like others', { set: { Server: 'mine' } }, '/', { Server: ['mine'] }],
  ['Content-Type too', { set: { 'Content-Type': 'text/x' } }, '/', { 'Content-Type': ['text/x'] }],
  [
    'line breaks in a value stay in it',
    { set: { 'X-A': '$arg_x' } },
    '/?x=a%0d%0aX-B:%20c',
    { 'X-A': ['a%0D%0AX-B: c'], 'X-B': [] },
  ],
];

table('header fields', HEADERS, async (lab, [, headers, path, expected]) => {
  const { status, rawHeaders, headers: fields } = await answerThrough(lab, { headers }, path);
  assert.equal(status, path.startsWith('/status') ? 201 : 200);
  const valuesOf = (name: string): string[] =>
    rawHeaders.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, valuesOf(name)])), expected);
  assert.equal(fields['transfer-encoding'], undefined, 'the body passes as it came');
});

it('a body is neither kept nor changed where only fields change', async (t) => {
  const lab = await openLab(t, rewritten({ status_code: 201, headers: { 'X-A': '1' } }));
  const answer = await lab.request('/gzip');
  assert.deepEqual([answer.status, answer.headers['content-encoding'], answer.headers['x-a']], [201, 'gzip', '1']);
  const large = await lab.request('/large?bytes=3000000');
  assert.equal(large.body.length, 3_000_000);
});

describe('status and body', () => {
  const BODIES: readonly (readonly [
    title: string,
    attributes: Attributes,
    path: string,
    status: number,
    text: string,
  ])[] = [
    ['another status leaves the body', { status_code: 418 }, '/text?body=hi', 418, 'hi'],
    ['another body leaves the status', { body: 'new' }, '/status/201', 201, 'new'],
    ['both', { status_code: 503, body: '{"a":1}' }, '/large', 503, '{"a":1}'],
    ['an empty body', { body: '' }, '/text?body=hi', 200, ''],
    ['a body in Base64', { body: 'SGVsbG8gV29ybGQ=', body_base64: true }, '/get', 200, 'Hello World'],
    ['a body in UTF-8', { body: 'grün 日' }, '/get', 200, 'grün 日'],
    ['variables in a body are text', { body: '$remote_addr' }, '/get', 200, '$remote_addr'],
    ['a body in the place of an empty one', { body: 'new' }, '/text?body=', 200, 'new'],
    ['a body in the place of a compressed one', { body: 'new' }, '/gzip', 200, 'new'],
    ['a body in the place of a chunked one', { body: 'new' }, '/pieces?a&b', 200, 'new'],
    ['a status without body drops the body', { status_code: 204 }, '/text?body=hi', 204, ''],
    ['the other one too', { status_code: 304 }, '/text?body=hi', 304, ''],
    ['a body where the upstream had none', { status_code: 200, body: 'new' }, '/status/204', 200, 'new'],
    ['a status with body where the upstream had none', { status_code: 200 }, '/status/204', 200, ''],
    ['conditions that hold', { body: 'new', vars: [['status', '==', 200]] }, '/text?body=hi', 200, 'new'],
    [
      'conditions that do not',
      { body: 'new', status_code: 500, vars: [['status', '==', 200]] },
      '/text?body=hi&status=201',
      201,
      'hi',
    ],
    [
      'conditions on the request',
      {
        body: 'new',
        vars: [
          ['arg_body', '~~', '^h'],
          ['http_x', '!', '==', 'a'],
        ],
      },
      '/text?body=hi',
      200,
      'new',
    ],
  ];
  table('rows', BODIES, async (lab, [, attributes, path, status, text]) => {
    const answer = await answerThrough(lab, attributes, path);
    assert.deepEqual([answer.status, answer.text], [status, text]);
    if (attributes['body'] === undefined || answer.status === 201) return;
    assert.equal(answer.headers['content-length'], String(Buffer.byteLength(text)));
    assert.equal(answer.headers['content-encoding'], undefined);
  });

  it('responses name the node, where they went well', async (t) => {
    const body = '{"code":"ok","message":"new json body"}';
    const set = { 'X-Server-id': 3, 'X-Server-status': 'on', 'X-Server-balancer-addr': '$balancer_ip:$balancer_port' };
    const lab = await openLab(t, rewritten({ body, headers: { set }, vars: [['status', '==', 200]] }));
    const { status, text, headers } = await lab.request('/headers');
    assert.deepEqual([status, text, headers['x-server-id'], headers['x-server-status']], [200, body, '3', 'on']);
    assert.equal(headers['x-server-balancer-addr'], `127.0.0.1:${lab.upstream.port}`);
    assert.equal((await lab.request('/status/404')).headers['x-server-id'], undefined);
  });

  it('another status has its own reason phrase', async (t) => {
    const lab = await openLab(t, rewritten({ status_code: 503 }));
    const answer = await lab.raw('GET /text?body=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  });

  it('bytes in Base64 are sent as they are', async (t) => {
    const bytes = Buffer.from([0, 255, 13, 10, 128]);
    const lab = await openLab(t, rewritten({ body: bytes.toString('base64'), body_base64: true }));
    assert.deepEqual((await lab.request('/')).body, bytes);
  });

  it('what was true of the old body alone is taken away with it', async (t) => {
    const lab = await openLab(t, rewritten({ body: 'new', headers: { set: { ETag: '"mine"' } } }));
    const query = 'ETag="a"&Last-Modified=x&Accept-Ranges=bytes&Content-MD5=x&Repr-Digest=x&X-A=1';
    const { headers } = await lab.request(`/headers?${query.replaceAll('"', '%22')}`);
    assert.equal(headers['etag'], '"mine"');
    assert.equal(headers['x-a'], '1');
    for (const name of ['last-modified', 'accept-ranges', 'content-md5', 'repr-digest'])
      assert.equal(headers[name], undefined);
  });

  it('the next request on the same connection is answered after a body was dropped', async (t) => {
    const lab = await openLab(t, rewritten({ status_code: 204 }));
    const one = 'GET /text?body=HTTP/1.1%20200%20OK HTTP/1.1\r\nHost: a\r\n';
    const answers = await lab.raw(`${one}\r\n${one}Connection: close\r\n\r\n`);
    assert.equal(answers.match(/HTTP\/1\.1/g)?.length, 2);
    assert.equal(answers.match(/^HTTP\/1\.1 204 /gm)?.length, 2);
  });

  it("the gateway's own answers are rewritten too", async (t) => {
    const text = `consumers:
  - username: jack
    plugins: { key-auth: { key: jack-key } }
${routeWith({ 'key-auth': {}, 'response-rewrite': { status_code: 200, body: '{"code": 200, "msg": "success"}' } })}`;
    const lab = await openLab(t, text);
    for (const headers of [{ apikey: 'jack-key' }, {}]) {
      const { status, text: body } = await lab.request('/get', { headers });
      assert.deepEqual([status, body], [200, '{"code": 200, "msg": "success"}']);
    }
    assert.equal(lab.seen.length, 1);
  });

  it('a part is not asked for where the body changes', async (t) => {
    const lab = await openLab(t, rewritten({ body: 'new' }));
    await lab.request('/', { headers: { Range: 'bytes=0-1' } });
    assert.equal(
      lab.lastSeen.headers.some(([name]) => name.toLowerCase() === 'range'),
      false,
    );
    lab.reload(rewritten({ status_code: 200 }));
    await lab.request('/', { headers: { Range: 'bytes=0-1' } });
    assert.equal(
      lab.lastSeen.headers.some(([name]) => name.toLowerCase() === 'range'),
      true,
    );
  });

  it('a HEAD request gets the fields of the new body, and no body', async (t) => {
    const lab = await openLab(t, rewritten({ body: 'new' }));
    const { headers, text } = await lab.request('/gzip', { method: 'HEAD' });
    assert.deepEqual([headers['content-length'], headers['content-encoding'], text], ['3', undefined, '']);
  });
});

describe('filters', () => {
  type Filter = readonly [regex: string, replace: string, more?: Attributes];
  const filters = (...list: Filter[]): Attributes => ({
    filters: list.map(([regex, replace, more]) => ({ regex, replace, ...more })),
  });
  const GLOBAL = { scope: 'global' };
  const TEXTS: readonly (readonly [title: string, attributes: Attributes, body: string, expected: string])[] = [
    ['the first match', filters(['a', 'b']), 'xaya', 'xbya'],
    ['every match', filters(['a', 'b', GLOBAL]), 'xaya', 'xbyb'],
    ['no match', filters(['z', 'b', GLOBAL]), 'xaya', 'xaya'],
    ['one filter after the other', filters(['a', 'b', GLOBAL], ['b', 'c']), 'aba', 'cbb'],
    [
      'groups',
      filters(['([a-z]+)@([a-z]+)', '$2 at ${1} ($0)', GLOBAL]),
      'me@x you@y',
      'x at me (me@x) y at you (you@y)',
    ],
    ['a group beside digits', filters(['(a)', '${1}0$10']), 'a', 'a0'],
    ['a dollar sign', filters(['a', '$$1']), 'a', '$1'],
    ['a group without part is empty', filters(['(a)|(b)', '[$1$2$3]', GLOBAL]), 'ab', '[a][b]'],
    ['nothing in its place', filters(['a', '', GLOBAL]), 'banana', 'bnn'],
    ['empty matches', filters(['x*', '-', GLOBAL]), 'aé😀', '-a-é-😀-'],
    ['the start is the start once', filters(['^a', 'b', GLOBAL]), 'aaa', 'baa'],
    ['any case', filters(['abc', 'x', { ...GLOBAL, options: 'ijo' }]), 'ABC abc aBc', 'x x x'],
    ['a dot and a line end', filters(['a.b', 'x']), 'a\nb', 'a\nb'],
    ['a dot that matches line ends', filters(['a.b', 'x', { options: 's' }]), 'a\nb', 'x'],
    ['matches in a row only', filters(['a', 'b', { ...GLOBAL, options: 'a' }]), 'aaxa', 'bbxa'],
    ['not at the start', filters(['a', 'b', { options: 'a' }]), 'xa', 'xa'],
    ['options that change nothing', filters(['é', 'e', { options: 'jouU' }]), 'né', 'ne'],
    ['characters beyond ASCII', filters(['[é日]', '*', GLOBAL]), 'é日a', '**a'],
    ['what is put in is not looked at again', filters(['a', 'aa', GLOBAL]), 'aa', 'aaaa'],
    ['an empty body', filters(['^$', 'was empty']), '', 'was empty'],
  ];
  table('texts', TEXTS, async (lab, [, attributes, body, expected]) => {
    const answer = await answerThrough(lab, attributes, `/text?body=${encodeURIComponent(body)}`);
    assert.deepEqual([answer.status, answer.text], [200, expected]);
    assert.equal(answer.headers['content-type'], 'text/plain');
  });

  it('every occurrence of a name is replaced in an answer of JSON', async (t) => {
    const lab = await openLab(t, rewritten(filters(['x-amzn-trace-id', 'x-amzn-trace-id-replace', GLOBAL])));
    const { text } = await lab.request('/headers', { headers: { 'x-amzn-trace-id': 'Root=1' } });
    assert.match(text, /"x-amzn-trace-id-replace","Root=1"/);
  });

  it('a match may lie across pieces', async (t) => {
    const lab = await openLab(t, rewritten(filters(['b.*c', 'X'])));
    assert.equal((await lab.request('/pieces?aab&12&3&cd')).text, 'aaXd');
  });

  table('codings', [['gzip'], ['deflate'], ['br'], ['']] as const, async (lab, [coding]) => {
    const { text, headers } = await answerThrough(
      lab,
      filters(['secret', 'public']),
      `/text?body=a+secret&coding=${coding}`,
    );
    assert.deepEqual([text, headers['content-encoding']], ['a public', undefined]);
  });

  const CODED: readonly (readonly [title: string, coding: string, body: Buffer])[] = [
    ['zstd', 'zstd', zstdCompressSync('a secret')],
    ['identity', 'identity', Buffer.from('a secret')],
  ];
  for (const [title, coding, body] of CODED) {
    it(`a body in ${title} that the gateway itself makes is decoded`, async (t) => {
      const lab = await openLab(
        t,
        routeWith({
          'response-rewrite': { ...filters(['secret', 'public']), _meta: { priority: 1 } },
          coded: {},
        }),
        { plugins: [replying({ 'Content-Encoding': coding }, body)] },
      );
      const answer = await lab.request('/');
      assert.deepEqual([answer.text, answer.headers['content-encoding']], ['a public', undefined]);
    });
  }

  it('a body in a coding that nobody knows stays as it is, and the log says so', async (t) => {
    const lab = await openLab(t, rewritten(filters(['a', 'b'])));
    const { text, headers } = await lab.request('/text?body=aaa&coding=compress');
    assert.deepEqual([text, headers['content-encoding']], ['aaa', 'compress']);
    assert.deepEqual(
      lab.hostLog.map(({ level, event }) => [level, event]),
      [['warn', 'body_not_filtered']],
    );
  });

  it('bytes that are no UTF-8 stay what they are around a match', async (t) => {
    const body = Buffer.from([0xff, 0x00, 0xe9, 0x61, 0xc3, 0xa9, 0xfe]);
    const lab = await openLab(t, routeWith({ 'response-rewrite': filters(['aé', '日']), coded: {} }), {
      plugins: [replying({}, body)],
    });
    assert.deepEqual((await lab.request('/')).body, Buffer.from([0xff, 0x00, 0xe9, 0xe6, 0x97, 0xa5, 0xfe]));
  });

  it('a body without content is left alone', async (t) => {
    const lab = await openLab(t, rewritten(filters(['^', 'x'])));
    assert.equal((await lab.request('/status/204')).status, 204);
    const head = await lab.request('/text?body=abc', { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, undefined, '']);
  });

  it('a global rule and a route filter the same body, each in its turn', async (t) => {
    const rule = JSON.stringify({ id: '1', plugins: { 'response-rewrite': filters(['b', 'c', GLOBAL]) } });
    const lab = await openLab(t, `global_rules:\n  - ${rule}\n${rewritten(filters(['a', 'b', GLOBAL]))}`);
    const { text } = await lab.request('/text?body=ab&coding=gzip');
    assert.ok(text === 'cc' || text === 'bc', text);
    assert.equal(lab.hostLog.length, 0);
  });

  it('a body that is declared too long is refused whole', async (t) => {
    const lab = await openLab(t, rewritten({ ...filters(['a', 'b']), max_resp_body_size: 10 }));
    assert.equal((await lab.request('/text?body=aaaaaaaaaa')).text, 'baaaaaaaaa');
    const { status, text, headers } = await lab.request('/text?body=aaaaaaaaaaa');
    assert.equal(status, 502);
    assert.match(
      text,
      /^\{"message":"the response is too large","code":"response_too_large","request_id":"[0-9a-f]+"\}\n$/,
    );
    assert.equal(headers['x-gatewright-error'], 'response_too_large');
    assert.equal(lab.hostLog[0]?.event, 'body_too_long');
  });

  it('a body that grows too long, which nobody said before, is broken off', async (t) => {
    const lab = await openLab(t, rewritten({ ...filters(['a', 'b']), max_resp_body_size: 100_000 }));
    await assert.rejects(lab.request('/large?bytes=200000'));
    const [fault] = lab.faults.splice(0);
    assert.deepEqual([fault?.plugin, fault?.phase], ['response-rewrite', 'responseBody']);
    assert.match(String(fault?.error), /more than the 100000 bytes of max_resp_body_size/);
    assert.equal(lab.log[0]?.errorCode, 'plugin_failed');
    assert.equal((await lab.request('/text?body=a')).text, 'b', 'the next exchange is none the worse');
  });

  const UNDECODABLE: readonly (readonly [title: string, path: string, error: RegExp])[] = [
    ['is too long once it is decoded', `/text?coding=gzip&body=${'a'.repeat(5_000)}`, /larger than 1000 bytes/],
    ['is not what its coding says', '/headers?Content-Encoding=gzip', /incorrect header check/],
  ];
  for (const [title, path, error] of UNDECODABLE) {
    it(`a body that ${title} is not passed on`, async (t) => {
      const lab = await openLab(t, rewritten({ ...filters(['a', 'b']), max_resp_body_size: 1_000 }));
      const { status, headers } = await lab.request(path);
      assert.deepEqual([status, headers['x-gatewright-error']], [500, 'plugin_failed']);
      assert.match(String(lab.faults.splice(0)[0]?.error), error);
    });
  }

  it('a body that the upstream breaks off is not passed off as complete', async (t) => {
    const lab = await openLab(t, rewritten(filters(['a', 'b'])));
    await assert.rejects(lab.request('/cut'));
  });

  it('expressions take time linear in the body', async (t) => {
    const lab = await openLab(t, rewritten(filters(['(a+)+$', 'x'])));
    const body = 'a'.repeat(5_000);
    assert.equal((await lab.request(`/text?body=${body}!`)).text, `${body}!`);
  });
});

it('an expression that looks up to the end again and again is given up', () => {
  let now_ms = 0;
  const clock = { monotonic_ms: () => (now_ms += 100), wall_ms: () => 0 };
  const filter = compileFilters([{ regex: 'a(.*z)?', replace: 'b', scope: 'global', options: 'jo' }], clock);
  assert.equal(filter(Buffer.from('aaa')).toString(), 'bbb');
  assert.throws(() => filter(Buffer.from('a'.repeat(1_000))), /a\(\.\*z\)\? takes too long for this body/);
});

describe('wrong configurations', () => {
  const WRONG: readonly (readonly [attributes: Attributes, problem: RegExp])[] = [
    [{ status_code: 199 }, /^status_code: 199 is less than the minimum 200$/],
    [{ status_code: 599 }, /^status_code: 599 is more than the maximum 598$/],
    [{ status_code: '200' }, /^status_code: .*without quotes/],
    [{ body: 'a', filters: [{ regex: 'a', replace: 'b' }] }, /^filters: "body" takes the place/],
    [{ body: 'a b', body_base64: true }, /^body: is no Base64/],
    [{ body_base64: true }, /^body_base64: there is no "body" to decode$/],
    [{ status_code: 204, body: 'a' }, /^body: a response of status 204 has no body/],
    [{ status_code: 304, filters: [{ regex: 'a', replace: 'b' }] }, /^filters: a response of status 304 has no body/],
    [{ headers: { add: ['X-A 1'] } }, /^headers\.add\[0\]: "X-A 1" is no header field: write "Name: value"$/],
    [{ headers: { add: ['X A: 1'] } }, /^headers\.add\[0\]: "X A" is no header name/],
    [{ headers: { add: [': 1'] } }, /^headers\.add\[0\]: "" is no header name/],
    [
      { headers: { set: { 'Transfer-Encoding': 'x' } } },
      /^headers\.set\.Transfer-Encoding: Transfer-Encoding frames the message/,
    ],
    [{ headers: { 'content-length': 1 } }, /^headers\.content-length: content-length frames the message/],
    [{ headers: { remove: ['connection'] } }, /^headers\.remove\[0\]: connection frames/],
    [{ headers: { set: { A: 'b\nc' } } }, /^headers\.set\.A: a header value holds no line breaks/],
    [{ headers: { set: { A: ['b'] } } }, /^headers\.set\.A: expected a string or a number, found a list/],
    [{ headers: { add: ['A: b'], B: 'c' } }, /^headers\.B: "B" stands beside/],
    [{ vars: [['status', '=', 200]] }, /^vars\[0\]/],
    [{ vars: 'status' }, /^vars: expected a list/],
    [{ vars: [['post_arg.x', '==', 'a']] }, /^vars: the body of the request is not kept/],
    [{ filters: [] }, /^filters: the list must not be empty$/],
    [{ filters: [{ regex: 'a' }] }, /^filters\[0\]\.replace: missing attribute "replace"$/],
    [{ filters: [{ replace: 'a' }] }, /^filters\[0\]\.regex: missing attribute "regex"$/],
    [{ filters: [{ regex: '', replace: 'a' }] }, /^filters\[0\]\.regex: must not be empty/],
    [{ filters: [{ regex: 'a(', replace: 'a' }] }, /^filters\[0\]\.regex: "a\(": /],
    [{ filters: [{ regex: '(?<!a)b', replace: 'a' }] }, /^filters\[0\]\.regex: /],
    [{ filters: [{ regex: 'a', replace: 'US$' }] }, /^filters\[0\]\.replace: "US\$" has a dollar sign.*write \$\$/],
    [{ filters: [{ regex: 'a', replace: 'b', scope: 'all' }] }, /^filters\[0\]\.scope: .*"once"/],
    [
      { filters: [{ regex: 'a', replace: 'b', options: 'mjo' }] },
      /^filters\[0\]\.options: "mjo" has an option that is not available/,
    ],
    [{ max_resp_body_size: 0 }, /^max_resp_body_size: 0 is less than the minimum 1$/],
    [{ headders: {} }, /^headders: unknown attribute.*"headers"/],
  ];
  for (const [attributes, problem] of WRONG) {
    it(JSON.stringify(attributes), () => {
      const problems = problemsOf(rewritten(attributes));
      assert.equal(problems.length, 1, problems.join('\n'));
      const prefix = 'routes[0].plugins.response-rewrite.';
      const [first = ''] = problems;
      assert.ok(first.startsWith(prefix), first);
      assert.match(first.slice(prefix.length), problem);
    });
  }

  it('the examples of the reference are right', () => {
    const plugin = ALL_PLUGINS.find(({ name }) => name === 'response-rewrite');
    for (const { config } of plugin?.examples ?? []) assert.deepEqual(problemsOf(rewritten(config as Attributes)), []);
    assert.equal(plugin?.priority, 899);
  });
});
