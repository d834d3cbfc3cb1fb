import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { valueOf } from './message.ts';
import { inLab } from './lab.ts';
import { answering, closedPort, manual, ok } from './scripted-upstream.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const HEAD = GET.replace('GET', 'HEAD');

/** An answer whose fields promise a body, in each way of promising one. */
const promising = (start: string): readonly string[] => [
  `${start}\r\nContent-Length: 1000\r\n\r\n`,
  `${start}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  `${start}\r\n\r\n`,
];

for (const [name, request, answers] of [
  ['the answer to a HEAD', HEAD, promising('HTTP/1.1 200 OK')],
  ['the error answer to a HEAD', HEAD, promising('HTTP/1.1 404 Not Found')],
  ['a 204', GET, promising('HTTP/1.1 204 No Content')],
  ['a 304', GET, promising('HTTP/1.1 304 Not Modified')],
  ['a 304 to a HEAD', HEAD, promising('HTTP/1.1 304 Not Modified')],
] as const) {
  for (const [k, answer] of answers.entries()) {
    test(
      `${name} has no body, whatever its fields say (${['Content-Length', 'chunked', 'neither'][k]})`,
      inLab({ upstreams: [answering(answer)] }, async (lab) => {
        const client = await lab.connect();
        // Pipelined: if the gateway waited for a body, the second request would never be answered.
        client.write(request + request);
        for (let round = 0; round < 2; round++) {
          const seen = await client.receive(request === HEAD ? 'headOnly' : 'response');
          assert.equal(seen.startLine, answer.slice(0, answer.indexOf('\r\n')));
          if (seen.status === 204) {
            assert.equal(valueOf(seen, 'Content-Length') ?? valueOf(seen, 'Transfer-Encoding'), undefined);
          } else if (k === 0) assert.equal(valueOf(seen, 'Content-Length'), '1000');
        }
        assert.equal(client.text, '');
        // A 204 announces no body: a node that does so may be about to send it, and nobody is to get that for an answer.
        const isSuspect = name === 'a 204' && k < 2;
        assert.equal(lab.node.connections.length, isSuspect ? 2 : 1);
      }),
    );
  }
}

for (const [name, find] of [
  ['no route', () => undefined],
  ['an upstream that cannot be reached', undefined],
] as const) {
  const port = await closedPort();
  test(
    `the gateway's own answer to a HEAD has the length of its body, and no body: ${name}`,
    inLab({ ports: [port], ...(find === undefined ? {} : { find }) }, async (lab) => {
      const client = await lab.connect();
      client.write(HEAD + GET);
      const head = await client.receive('headOnly');
      const full = await client.receive('response');
      assert.equal(valueOf(head, 'Content-Length'), valueOf(full, 'Content-Length'));
      assert.equal(full.body.length, Number(valueOf(full, 'Content-Length')));
      assert.equal(valueOf(head, 'X-Gatewright-Error'), valueOf(full, 'X-Gatewright-Error'));
    }),
  );
}

test(
  'a HEAD of HTTP/1.0 is told of no chunked coding',
  onlyHttp1('HTTP/1.0'),
  inLab({ upstreams: [answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')] }, async (lab) => {
    const seen = await lab.ask('HEAD / HTTP/1.0\r\nHost: a\r\n\r\n', 'headOnly');
    assert.equal(valueOf(seen, 'Transfer-Encoding'), undefined);
  }),
);

const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n';

test(
  '103 is forwarded, without the fields of its hop',
  inLab({ upstreams: [answering(HINTS + HINTS + ok('final'))] }, async (lab) => {
    const client = await lab.connect();
    client.write(GET);
    for (let k = 0; k < 2; k++) {
      const hints = await client.receive('response');
      assert.equal(hints.startLine, 'HTTP/1.1 103 Early Hints');
      assert.deepEqual(hints.fields, [['Link', '</style.css>; rel=preload']]);
    }
    assert.equal((await client.receive('response')).body.toString(), 'final');
  }),
);

for (const [name, request, settings] of [
  ['where that is configured', GET, { early_hints: 'drop' }],
  ['for HTTP/1.0, which does not know them', GET.replace('1.1', '1.0'), {}],
] as const) {
  test(
    `103 is dropped ${name}`,
    request === GET ? {} : onlyHttp1('HTTP/1.0'),
    inLab({ upstreams: [answering(HINTS + ok('final'))], settings }, async (lab) => {
      assert.equal((await lab.ask(request)).body.toString(), 'final');
    }),
  );
}

test(
  'a 100 that nobody asked for, a 102 and unknown interim responses are dropped',
  inLab(
    {
      upstreams: [
        answering(
          ['100 Continue', '102 Processing', '199 Whatever'].map((s) => `HTTP/1.1 ${s}\r\n\r\n`).join('') + ok('final'),
        ),
      ],
    },
    async (lab) => {
      const client = await lab.connect();
      for (let k = 0; k < 2; k++) {
        client.write(GET);
        assert.equal((await client.receive('response')).body.toString(), 'final');
      }
      assert.equal(lab.node.connections.length, 1);
    },
  ),
);

test(
  'interim responses are bounded: 16 of them pass, one more is 502',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    const interim = 'HTTP/1.1 102 Processing\r\n\r\n';
    client.write(GET);
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    upstream.write(interim.repeat(16) + ok('final'));
    assert.equal((await client.receive('response')).body.toString(), 'final');
    client.write(GET);
    await upstream.receive('request');
    upstream.write(interim.repeat(17));
    const seen = await client.receive('response');
    assert.equal(`${seen.status} ${valueOf(seen, 'X-Gatewright-Error')}`, '502 upstream_malformed');
    await upstream.whenOver();
  }),
);

test(
  'interim responses that come byte by byte are read like any other',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write(GET);
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    for (const byte of HINTS + 'HTTP/1.1 102 Processing\r\n\r\n' + ok('final')) {
      upstream.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await client.receive('response')).status, 103);
    assert.equal((await client.receive('response')).body.toString(), 'final');
  }),
);
