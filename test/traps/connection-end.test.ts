import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { valueOf } from './message.ts';
import { inLab } from './lab.ts';
import { answering, manual, ok } from './scripted-upstream.ts';

const echoTarget = answering((request) => ok(request.startLine.split(' ')[1] ?? ''));

test(
  'a client that shuts down its writing side gets its answer',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    client.finish();
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    upstream.write(ok('late'));
    const answer = await client.receive('response');
    assert.equal(answer.body.toString(), 'late');
    assert.equal(valueOf(answer, 'Connection'), 'close');
    assert.equal(await client.whenOver(), 'fin');
    const [logged] = await lab.logged(1);
    assert.equal(logged?.status, 200);
  }),
);

test(
  'a client that shuts down its writing side after a body gets its answer',
  inLab({ upstreams: [answering((request) => ok(request.body.toString()))] }, async (lab) => {
    const client = await lab.connect();
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody');
    client.finish();
    assert.equal((await client.receive('response')).body.toString(), 'body');
    assert.equal(await client.whenOver(), 'fin');
  }),
);

test(
  'every request that was pipelined before the writing side was shut down is answered in order',
  onlyHttp1('the last of several answers says that it is the last'),
  inLab({ upstreams: [echoTarget] }, async (lab) => {
    const client = await lab.connect();
    const targets = Array.from({ length: 50 }, (_, k) => `/${k}`);
    client.write(targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    client.finish();
    for (const [k, target] of targets.entries()) {
      const answer = await client.receive('response');
      assert.equal(answer.body.toString(), target);
      assert.equal(valueOf(answer, 'Connection'), k === targets.length - 1 ? 'close' : undefined, `answer ${k}`);
    }
    assert.equal(await client.whenOver(), 'fin');
  }),
);

test(
  'requests that the gateway answers itself are all answered when the writing side was shut down behind them',
  inLab({ find: () => undefined }, async (lab) => {
    const client = await lab.connect();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20));
    client.finish();
    for (let k = 0; k < 20; k++) assert.equal((await client.receive('response')).status, 404);
    assert.equal(await client.whenOver(), 'fin');
  }),
);

test(
  'a head that the end of the input cut off is answered with 400, after what came before it',
  onlyHttp1('a frame that is cut off is no request'),
  inLab({ upstreams: [echoTarget] }, async (lab) => {
    const client = await lab.connect();
    client.write('GET /whole HTTP/1.1\r\nHost: a\r\n\r\nGET /cut HTTP/1.1\r\nHos');
    client.finish();
    assert.equal((await client.receive('response')).body.toString(), '/whole');
    const refusal = await client.receive('response');
    assert.equal(refusal.status, 400);
    assert.equal(valueOf(refusal, 'X-Gatewright-Error'), 'request_incomplete');
    assert.equal(await client.whenOver(), 'fin');
    assert.equal(lab.node.connections.length, 1);
  }),
);

test(
  'a body that the end of the input cut off is answered with 400, and its upstream is stopped',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf');
    const upstream = await lab.node.connection(0);
    await upstream.take('half');
    client.finish();
    const refusal = await client.receive('response');
    assert.equal(refusal.status, 400);
    assert.equal(valueOf(refusal, 'X-Gatewright-Error'), 'request_incomplete');
    await upstream.whenOver();
    assert.equal(await client.whenOver(), 'fin');
  }),
);

test(
  'an end of the input without any byte before it is no request',
  inLab({}, async (lab) => {
    const client = await lab.connect();
    client.finish();
    assert.equal(await client.whenOver(), 'fin');
    assert.equal(client.receivedBytes, 0);
    assert.equal(lab.log.length, 0);
  }),
);
