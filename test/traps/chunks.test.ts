import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IS_HTTP2, onlyHttp1 } from '../client/speaking.ts';
import { valueOf } from './message.ts';
import { inLab } from './lab.ts';
import { manual, ok } from './scripted-upstream.ts';

const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const BODY =
  '3;a=1;b="q;q"\r\nabc\r\n04 ;x\r\n'.replace(' ;x', ';x') + 'defg\r\n0;last\r\nX-Sum: 7\r\nHost: evil\r\n\r\n';

test(
  'chunk extensions and trailers of a request are dropped on the way to the upstream',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    for (let k = 0; k < 2; k++) {
      client.write(`POST / HTTP/1.1\r\nHost: a\r\n${CHUNKED}Trailer: X-Sum\r\n\r\n${BODY}`);
      const upstream = await lab.node.connection(0);
      const request = await upstream.receive('request');
      assert.equal(request.body.toString(), 'abcdefg');
      assert.deepEqual([request.extensions, request.trailers], [[], []]);
      assert.equal(valueOf(request, 'Trailer'), undefined);
      assert.equal(valueOf(request, 'Host'), 'a');
      assert.equal(valueOf(request, 'X-Sum'), undefined);
      upstream.write(ok('taken'));
      assert.equal((await client.receive('response')).body.toString(), 'taken');
    }
  }),
);

for (const [name, fields, hasTrailers] of [
  ['that says TE: trailers', 'TE: trailers\r\nConnection: TE\r\n', true],
  ['that lists trailers among others', 'TE: gzip, trailers;q=0.5, Trailers\r\nConnection: TE\r\n', true],
  ['that says nothing of trailers', '', false],
  ['that takes another coding', 'TE: gzip\r\nConnection: TE\r\n', false],
] as const) {
  test(
    `trailers of a response ${hasTrailers ? 'go on' : 'do not go on'} to a client ${name}; extensions never do`,
    onlyHttp1('trailers need no TE in HTTP/2: test/http2/trailers.test.ts'),
    inLab({ upstreams: [manual] }, async (lab) => {
      const client = await lab.connect();
      client.write(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
      const upstream = await lab.node.connection(0);
      const request = await upstream.receive('request');
      assert.equal(valueOf(request, 'TE'), hasTrailers ? 'trailers' : undefined);
      assert.equal(valueOf(request, 'Connection'), hasTrailers ? 'TE' : undefined);
      upstream.write(`HTTP/1.1 200 OK\r\n${CHUNKED}Trailer: X-Sum\r\n\r\n${BODY}`);
      const answer = await client.receive('response');
      assert.equal(answer.body.toString(), 'abcdefg');
      assert.deepEqual(answer.extensions, []);
      assert.deepEqual(answer.trailers, hasTrailers ? ['X-Sum: 7', 'Host: evil'] : []);
      assert.equal(valueOf(answer, 'Trailer'), hasTrailers ? 'X-Sum' : undefined);
      assert.equal(valueOf(answer, 'X-Sum'), undefined, 'never merged into the fields');
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await upstream.receive('request');
    }),
  );
}

test(
  'a body in chunks of one byte, sent byte by byte in both directions, arrives as it is',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    const body = 'one byte at a time';
    const chunks = Array.from(body, (byte) => `1;e\r\n${byte}\r\n`).join('') + '0\r\nX-Sum: 1\r\n\r\n';
    client.write(`POST / HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n`);
    const upstream = await lab.node.connection(0);
    for (const byte of chunks) {
      client.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await upstream.receive('request')).body.toString(), body);
    for (const byte of `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n${chunks}`) {
      upstream.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answer = await client.receive('response');
    assert.equal(answer.body.toString(), body);
    assert.deepEqual([answer.extensions, answer.trailers], [[], IS_HTTP2 ? ['X-Sum: 1'] : []]);
    client.write('GET /next HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await upstream.receive('request')).startLine, 'GET /next HTTP/1.1');
  }),
);

for (const [name, rest] of [
  ['an extension of 257 bytes', `5;${'e'.repeat(260)}\r\n`],
  ['extensions of more than 16 KiB together', `1;${'e'.repeat(200)}\r\nx\r\n`.repeat(90)],
  ['trailers of more than 8 KiB', `0\r\n${`X: ${'t'.repeat(500)}\r\n`.repeat(20)}\r\n`],
] as const) {
  test(
    `chunked coding is bounded in a response too: ${name} aborts the client`,
    inLab({ upstreams: [manual] }, async (lab) => {
      const client = await lab.connect();
      client.write('GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n');
      const upstream = await lab.node.connection(0);
      await upstream.receive('request');
      upstream.write(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n5\r\nfirst\r\n`);
      await client.take('first');
      upstream.write(rest);
      assert.equal(await client.whenOver(), 'reset');
      assert.doesNotMatch(client.text, /0\r\n\r\n$/);
    }),
  );
}

test(
  'a server-sent event reaches its client at once, each one by itself',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    upstream.write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${CHUNKED}\r\n`);
    await client.take('\r\n\r\n');
    for (let k = 0; k < 5; k++) {
      upstream.write(`9\r\ndata: ${k}\n\n\r\n`);
      await client.take(`data: ${k}\n\n\r\n`);
      assert.equal(client.text, '');
    }
  }),
);
