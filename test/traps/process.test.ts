import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { RunningGateway, routeTo } from '../e2e/gateway.ts';
import { valueOf } from './message.ts';
import { connectTo, type RawConnection } from './raw-connection.ts';
import { ok, ScriptedUpstream, type Script } from './scripted-upstream.ts';

/** The traps that cost most when they snap, on the process that people run. */

const GET = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

const script: Script = async (connection) => {
  for (;;) {
    const head = await connection.take('\r\n\r\n');
    if (head.startsWith('POST /early')) {
      connection.socket.pause();
      connection.write(ok('too large').replace('200 OK', '413 Content Too Large'));
      connection.socket.destroySoon();
    } else if (head.startsWith('GET /cut')) {
      connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
      connection.finish();
    } else if (head.startsWith('GET /surplus')) connection.write(`${ok('asked for')}${ok('poison')}`);
    else if (head.startsWith('GET /nonsense')) connection.write('secret nonsense\r\n\r\n');
    else {
      connection.write(ok(head.slice(0, head.indexOf(' HTTP/'))));
      // Gone just as it is reused.
      if (head.startsWith('GET /last')) connection.finish();
    }
  }
};

test('what is shown on one worker in the tests holds for the process that people run', async (t) => {
  const upstream = await ScriptedUpstream.start(script);
  await using gateway = await RunningGateway.start({ routes: [routeTo([upstream.port])] });
  const clients: RawConnection[] = [];
  const connect = async (): Promise<RawConnection> => {
    const client = await connectTo(gateway.port);
    clients.push(client);
    return client;
  };

  await t.test('half-close and pipelining', async () => {
    const client = await connect();
    client.write([1, 2, 3, 4].map((k) => GET(`/${k}`)).join(''));
    client.finish();
    for (const k of [1, 2, 3, 4]) assert.equal((await client.receive('response')).body.toString(), `GET /${k}`);
    assert.equal(await client.whenOver(), 'fin');
  });

  await t.test('a refusal closes', onlyHttp1('it can be said there only'), async () => {
    const client = await connect();
    client.write(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x',
    );
    const answer = await client.receive('response');
    assert.equal(`${answer.status} ${valueOf(answer, 'X-Gatewright-Error')}`, '400 ambiguous_framing');
    assert.equal(await client.whenOver(), 'fin');
  });

  await t.test('an early answer is not lost', async () => {
    for (let round = 0; round < 5; round++) {
      const client = await connect();
      client.write('POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n');
      await client.writeAll(Buffer.alloc(20_000_000));
      assert.equal((await client.receive('response')).status, 413);
      assert.equal(await client.whenOver(), 'fin');
    }
  });

  await t.test('a cut answer is no whole one', async () => {
    const client = await connect();
    client.write(GET('/cut'));
    await client.take('first\r\n');
    assert.equal(await client.whenOver(), 'reset');
  });

  await t.test('surplus bytes reach nobody', async () => {
    const client = await connect();
    for (let round = 0; round < 5; round++) {
      client.write(GET('/surplus') + GET('/next'));
      assert.equal((await client.receive('response')).body.toString(), 'asked for');
      assert.equal((await client.receive('response')).body.toString(), 'GET /next');
    }
  });

  await t.test('an origin that closes idle connections costs no GET', async () => {
    const client = await connect();
    for (let round = 0; round < 100; round++) {
      client.write(GET('/last'));
      assert.equal((await client.receive('response')).body.toString(), 'GET /last');
    }
  });

  await t.test('nothing internal is shown', async () => {
    const client = await connect();
    client.write(GET('/nonsense'));
    const answer = await client.receive('response');
    assert.equal(answer.status, 502);
    assert.doesNotMatch(answer.body.toString(), /secret|127\.0\.0\.1/);
  });

  for (const client of clients) client.destroy();
  upstream.close();
  assert.deepEqual(upstream.faults, []);
});
