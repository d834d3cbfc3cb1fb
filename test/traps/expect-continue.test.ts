import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { HandClock } from './hand-clock.ts';
import { valueOf } from './message.ts';
import { inLab } from './lab.ts';
import { answering, closedPort, manual, ok } from './scripted-upstream.ts';

const EXPECTING = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

test(
  'leave to send a body is passed on when the upstream gives it, once',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write(EXPECTING);
    const upstream = await lab.node.connection(0);
    const head = await upstream.take('\r\n\r\n');
    assert.match(head, /\r\nExpect: 100-continue\r\n/i);
    upstream.write(CONTINUE + CONTINUE);
    await client.take(CONTINUE);
    client.write('body');
    await upstream.take('body');
    upstream.write(ok('taken'));
    const answer = await client.receive('response');
    assert.equal(answer.body.toString(), 'taken');
    assert.equal(valueOf(answer, 'Connection'), undefined);
  }),
);

const clock = new HandClock();
test(
  'the gateway gives leave itself when the upstream has said nothing for a second',
  inLab({ upstreams: [manual], clock }, async (lab) => {
    const client = await lab.connect();
    client.write(EXPECTING);
    const upstream = await lab.node.connection(0);
    await upstream.take('\r\n\r\n');
    await clock.pass(lab, 950);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(client.receivedBytes, 0, 'not before that second is over');
    await clock.pass(lab, 200);
    await client.take(CONTINUE);
    // The upstream's own leave comes too late to be of interest.
    upstream.write(CONTINUE);
    client.write('body');
    await upstream.take('body');
    upstream.write(ok('taken'));
    assert.equal((await client.receive('response')).body.toString(), 'taken');
    await clock.pass(lab, 5_000);
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await upstream.receive('request');
    upstream.write(ok('next'));
    assert.equal((await client.receive('response')).body.toString(), 'next');
  }),
);

for (const status of ['417 Expectation Failed', '401 Unauthorized', '200 OK']) {
  test(
    `a final answer in place of leave is passed on, and the body is not waited for: ${status}`,
    inLab({ upstreams: [manual] }, async (lab) => {
      const client = await lab.connect();
      client.write(EXPECTING);
      const upstream = await lab.node.connection(0);
      await upstream.take('\r\n\r\n');
      upstream.write(ok('no').replace('200 OK', status));
      const answer = await client.receive('response');
      assert.equal(answer.startLine, `HTTP/1.1 ${status}`);
      assert.equal(valueOf(answer, 'Connection'), 'close');
      // Whether the client sends its body after that is its own affair: those bytes are no request.
      client.write('body');
      assert.equal(await client.whenOver(), 'fin');
      await upstream.whenOver();
      assert.equal(upstream.text, '');
    }),
  );
}

test(
  'a client that does not wait for leave is served as any other',
  inLab({ upstreams: [answering((request) => ok(request.body.toString()))] }, async (lab) => {
    const client = await lab.connect();
    for (let k = 0; k < 3; k++) {
      client.write(`${EXPECTING}body`);
      assert.equal((await client.receive('response')).body.toString(), 'body');
    }
    assert.equal(lab.node.connections.length, 1);
  }),
);

const port = await closedPort();
test(
  "the gateway's own answer to a client that waits for leave closes the connection",
  inLab({ ports: [port] }, async (lab) => {
    const client = await lab.connect();
    client.write(EXPECTING);
    const answer = await client.receive('response');
    assert.equal(`${answer.status} ${valueOf(answer, 'Connection')}`, '502 close');
    client.write('GET ');
    assert.equal(await client.whenOver(), 'fin');
    assert.equal(client.text, '');
  }),
);

test(
  'an expectation of an HTTP/1.0 client is ignored and goes no further',
  onlyHttp1('HTTP/1.0'),
  inLab({ upstreams: [answering((request) => ok(valueOf(request, 'Expect') ?? 'none'))] }, async (lab) => {
    assert.equal((await lab.ask(`${EXPECTING.replace('1.1', '1.0')}body`)).body.toString(), 'none');
  }),
);
