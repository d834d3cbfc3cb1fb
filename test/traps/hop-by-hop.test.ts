import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IS_HTTP2, onlyHttp1 } from '../client/speaking.ts';
import { type Message, valueOf, valuesOf } from './message.ts';
import { inLab, type Lab, type LabSettings } from './lab.ts';
import { answering, manual, ok } from './scripted-upstream.ts';

/** What the upstream gets of a request with these fields. */
async function forwarded(lab: Lab, fields: string, start = 'GET /path HTTP/1.1'): Promise<Message> {
  const client = await lab.connect();
  client.write(`${start}\r\n${fields}\r\n`);
  const upstream = await lab.node.connection(lab.node.connections.length);
  const request = await upstream.receive('request');
  upstream.write(ok('', 'Connection: close\r\n'));
  await client.receive('response');
  client.destroy();
  return request;
}

const lines = (message: Message): string[] => message.fields.map(([name, value]) => `${name}: ${value}`);

test(
  'fields of the hop go no further, whatever their spelling; all others arrive as they were, in their order',
  onlyHttp1('HTTP/2 has no fields of the hop: they are malformed there'),
  inLab({ upstreams: [manual] }, async (lab) => {
    const request = await forwarded(
      lab,
      [
        'hOsT: a',
        'X-First: 1',
        'CONNECTION: keep-alive, x-named ,X-OTHER',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'x-Named: 1',
        'X-Other: 2',
        'x-other: 3',
        'TE: gzip',
        'Trailer: X-Sum',
        'Upgrade: h2c',
        'Proxy: http://evil/',
        'Cookie: a=1',
        'x-first: 2',
        'Empty:',
        'Cookie: b=2',
        '',
      ].join('\r\n'),
    );
    const own = new Set(['host', 'via', 'x-real-ip']);
    const passed = request.fields.filter(([name]) => !own.has(name.toLowerCase()) && !/^x-forwarded-/i.test(name));
    assert.deepEqual(passed, [
      ['X-First', '1'],
      ['Cookie', 'a=1'],
      ['x-first', '2'],
      ['Empty', ''],
      ['Cookie', 'b=2'],
    ]);
  }),
);

test(
  'fields that Connection names are hop-by-hop, except those that must not be strippable',
  onlyHttp1('HTTP/2 has no Connection'),
  inLab({ upstreams: [manual] }, async (lab) => {
    const named = ['Host', 'Content-Length', 'Authorization', 'Cookie', 'X-Forwarded-For', 'X-Forwarded-Proto'];
    const request = await forwarded(
      lab,
      [
        'Host: a',
        `Connection: ${named.join(', ')}, X-Real-IP, Via, X-Strippable`,
        'Content-Length: 0',
        'Authorization: Basic x',
        'Cookie: a=1',
        'X-Forwarded-For: 10.0.0.1',
        'X-Strippable: 1',
        '',
      ].join('\r\n'),
    );
    for (const name of [...named, 'X-Real-IP', 'Via']) assert.equal(valuesOf(request, name).length, 1, name);
    assert.equal(valueOf(request, 'Authorization'), 'Basic x');
    assert.equal(valueOf(request, 'X-Forwarded-For'), '10.0.0.1, 127.0.0.1');
    assert.equal(valueOf(request, 'X-Strippable'), undefined);
    assert.equal(valueOf(request, 'Connection'), undefined);
  }),
);

test(
  'what CGI would take for the framing or for the word of the gateway is dropped, however underscores are mixed in',
  inLab({ upstreams: [manual], settings: { trusted_addresses: ['127.0.0.0/8'] } }, async (lab) => {
    const misleading = [
      'X_Real_IP',
      'x-real_ip',
      'Content_Length',
      'X_Forwarded_For',
      'X-Forwarded_For',
      'x_forwarded-for',
      'X_Forwarded_Host',
      'X_Forwarded_Port',
      'Transfer_Encoding',
      'X_Forwarded_Proto',
    ];
    // As long as one of those, and no more than that in common with them.
    const harmless = [
      'X_Real_Ib',
      'Content_Length_',
      '_Content_Length',
      'X_Forwarded_Fox',
      'User_Agent',
      'X_Y',
      'Content_Language',
    ];
    const fields = [...misleading, ...harmless].map((name) => `${name}: 1\r\n`).join('');
    const request = await forwarded(lab, `Host: a\r\n${fields}`);
    assert.deepEqual(
      request.fields.map(([name]) => name.toLowerCase()).filter((name) => name.includes('_')),
      harmless.map((name) => name.toLowerCase()),
    );
    assert.equal(valueOf(request, 'X-Forwarded-For'), '127.0.0.1');
  }),
);

test(
  'a request of HTTP/1.0 without Host says nothing of the host that it was for',
  onlyHttp1('HTTP/1.0'),
  inLab({ upstreams: [manual] }, async (lab) => {
    const request = await forwarded(lab, '', 'GET / HTTP/1.0');
    assert.equal(valueOf(request, 'X-Forwarded-Host'), undefined);
    assert.equal(valueOf(request, 'Host'), lab.upstream.nodes[0]?.authority);
  }),
);

for (const [value, expected] of [
  ['5', '4'],
  ['1', '0'],
  ['007', '6'],
] as const) {
  test(
    `OPTIONS that may pass ${value} more goes on with ${expected}, any other method as it came`,
    inLab({ upstreams: [manual] }, async (lab) => {
      const counted = await forwarded(lab, `Host: a\r\nMax-Forwards: ${value}\r\n`, 'OPTIONS / HTTP/1.1');
      assert.deepEqual(valuesOf(counted, 'Max-Forwards'), [expected]);
      const left = await forwarded(lab, `Host: a\r\nMax-Forwards: ${value}\r\n`);
      assert.deepEqual(valuesOf(left, 'Max-Forwards'), [value]);
    }),
  );
}

for (const [fields, status] of [
  ['Max-Forwards: 0', 200],
  ['Max-Forwards: x', 400],
  ['Max-Forwards:', 400],
  ['Max-Forwards: -1', 400],
  ['Max-Forwards: 1\r\nMax-Forwards: 1', 400],
] as const) {
  test(
    `OPTIONS with ${JSON.stringify(fields)} is answered by the gateway with ${status}, and goes no further`,
    inLab({ upstreams: [manual] }, async (lab) => {
      const answer = await lab.ask(`OPTIONS / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`);
      assert.deepEqual([answer.status, valueOf(answer, 'Content-Length') === '0'], [status, status === 200]);
      assert.equal(lab.node.connections.length, 0);
    }),
  );
}

test(
  'fields of the hop of a response go no further',
  inLab(
    {
      upstreams: [
        answering(
          ok(
            'body',
            'Connection: keep-alive, X-Named\r\nKeep-Alive: timeout=5\r\nX-Named: 1\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nTE: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Kept: 1\r\n',
          ),
        ),
      ],
    },
    async (lab) => {
      const answer = await lab.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.deepEqual(
        lines(answer).filter((line) => !/^(Server|Date):/.test(line)),
        ['Content-Length: 4', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Kept: 1'],
      );
    },
  ),
);

test(
  'an upstream cannot say what only the gateway can: why there was an error, and what the upstream answered',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    const claims =
      'x-gatewright-error: upstream_refused\r\nX-APISIX-Upstream-Status: 200\r\nX-Gatewright-Errors: 1\r\n';
    for (const [status, expected] of [
      ['200 OK', ['200']],
      ['500 No', ['500']],
    ] as const) {
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const upstream = await lab.node.connection(0);
      await upstream.receive('request');
      upstream.write(`HTTP/1.1 ${status}\r\n${claims}Content-Length: 0\r\n\r\n`);
      const answer = await client.receive('response');
      assert.deepEqual(valuesOf(answer, 'X-Gatewright-Error'), []);
      assert.deepEqual(valuesOf(answer, 'X-Gatewright-Errors'), ['1']);
      assert.deepEqual(valuesOf(answer, 'X-APISIX-Upstream-Status'), expected);
    }
  }),
);

for (const [name, fields] of [
  ['h2c', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
  ['h2c that is not announced', 'Upgrade: h2c\r\n'],
  ['websocket', 'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n'],
  ['any protocol', 'Connection: Upgrade\r\nUpgrade: TLS/1.0, IRC/6.9\r\n'],
] as const) {
  test(
    `an upgrade to ${name} is dropped from what is forwarded, and a switch all the same is answered with 502`,
    inLab({ upstreams: [manual] }, async (lab) => {
      const client = await lab.connect();
      client.write(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
      const upstream = await lab.node.connection(0);
      const request = await upstream.receive('request');
      for (const hop of ['Upgrade', 'Connection', 'HTTP2-Settings']) assert.deepEqual(valuesOf(request, hop), []);
      upstream.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nframes');
      const answer = await client.receive('response');
      assert.equal(`${answer.status} ${valueOf(answer, 'X-Gatewright-Error')}`, '502 upstream_malformed');
      await upstream.whenOver();
      assert.equal(client.text, '');
    }),
  );
}

const OURS = `${IS_HTTP2 ? '2.0' : '1.1'} gatewright`;

const CLAIMS = [
  'X-Real-IP: 6.6.6.6',
  'X-Forwarded-For: 1.1.1.1',
  'X-Forwarded-For: 2.2.2.2, 3.3.3.3',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: evil',
  'X-Forwarded-Port: 443',
  'Forwarded: for=1.1.1.1',
  'Via: 1.0 fred, 1.1 p.example',
  '',
].join('\r\n');

for (const [name, settings, expected] of [
  [
    'without trusted addresses: the chain is kept, everything else is our own word',
    {},
    { chain: '1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1', isBelieved: false },
  ],
  [
    'from a peer that is not trusted: nothing is believed',
    { trusted_addresses: ['10.0.0.0/8', '::1'] },
    { chain: '127.0.0.1', isBelieved: false },
  ],
  [
    'from a trusted peer: all of it passes, and the peer is appended',
    { trusted_addresses: ['10.0.0.0/8', '127.0.0.0/8'] },
    { chain: '1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1', isBelieved: true },
  ],
] as const satisfies readonly (readonly [string, LabSettings, { chain: string; isBelieved: boolean }])[]) {
  test(
    `what a peer claims about the client, ${name}`,
    inLab({ upstreams: [manual], settings }, async (lab) => {
      const { chain, isBelieved } = expected;
      const claimed = await forwarded(lab, `Host: a.example:8080\r\n${CLAIMS}`);
      assert.equal(valueOf(claimed, 'X-Real-IP'), '127.0.0.1');
      assert.equal(valueOf(claimed, 'X-Forwarded-For'), chain);
      assert.equal(valueOf(claimed, 'X-Forwarded-Proto'), isBelieved ? 'https' : 'http');
      assert.equal(valueOf(claimed, 'X-Forwarded-Host'), isBelieved ? 'evil' : 'a.example');
      assert.equal(valueOf(claimed, 'X-Forwarded-Port'), isBelieved ? '443' : String(lab.port));
      assert.equal(valueOf(claimed, 'Forwarded'), isBelieved ? 'for=1.1.1.1' : undefined);
      assert.equal(valueOf(claimed, 'Via'), `1.0 fred, 1.1 p.example, ${OURS}`);
      const plain = await forwarded(lab, 'Host: a.example:8080\r\n');
      assert.equal(valueOf(plain, 'X-Real-IP'), '127.0.0.1');
      assert.equal(valueOf(plain, 'X-Forwarded-For'), '127.0.0.1');
      assert.equal(valueOf(plain, 'X-Forwarded-Proto'), 'http');
      assert.equal(valueOf(plain, 'X-Forwarded-Host'), 'a.example');
      assert.equal(valueOf(plain, 'X-Forwarded-Port'), String(lab.port));
      assert.equal(valueOf(plain, 'Via'), OURS);
    }),
  );
}

test(
  'Via names the version that the request came in by, and is left as it was where no pseudonym is configured',
  onlyHttp1('HTTP/1.0'),
  inLab({ upstreams: [manual] }, async (lab) => {
    assert.equal(valueOf(await forwarded(lab, 'Host: a\r\n', 'GET / HTTP/1.0'), 'Via'), '1.0 gatewright');
  }),
);

test(
  'Via is left as it was where no pseudonym is configured',
  inLab({ upstreams: [manual], settings: { via: '' } }, async (lab) => {
    assert.equal(valueOf(await forwarded(lab, 'Host: a\r\n'), 'Via'), undefined);
    assert.equal(valueOf(await forwarded(lab, 'Host: a\r\nVia: 1.1 x\r\n'), 'Via'), '1.1 x');
  }),
);

test(
  'requests of one connection that name different hosts are each forwarded with their own',
  inLab(
    { upstreams: [answering((r) => ok(`${valueOf(r, 'Host')} ${valueOf(r, 'X-Forwarded-Host')}`))] },
    async (lab) => {
      const client = await lab.connect();
      for (const host of ['a', 'b', 'a', 'b:80', 'a']) {
        client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        assert.equal((await client.receive('response')).body.toString(), `${host} ${host.replace(':80', '')}`);
      }
    },
  ),
);
