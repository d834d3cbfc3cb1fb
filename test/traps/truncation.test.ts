import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { valueOf } from './message.ts';
import { inLab } from './lab.ts';
import type { RawConnection } from './raw-connection.ts';
import { answering, manual, ok } from './scripted-upstream.ts';

const get = (version: string, fields = ''): string => `GET / HTTP/${version}\r\nHost: a\r\n${fields}\r\n`;

const LEAVES = {
  'by FIN': (connection: RawConnection) => connection.destroy(),
  'by RST': (connection: RawConnection) => connection.reset(),
} as const;

const TRUNCATED: readonly (readonly [name: string, head: string, part: string, seen: string])[] = [
  ['a Content-Length body', 'Content-Length: 100\r\n', 'only this', 'only this'],
  ['a chunked body in mid-chunk', 'Transfer-Encoding: chunked\r\n', '64\r\nonly this', 'only this'],
  ['a chunked body between chunks', 'Transfer-Encoding: chunked\r\n', '9\r\nonly this\r\n', 'only this'],
  ['a chunked body before its last line', 'Transfer-Encoding: chunked\r\n', '9\r\nonly this\r\n0\r\n', 'only this'],
];

for (const version of ['1.1', '1.0']) {
  for (const [name, head, part, seen] of TRUNCATED) {
    for (const [manner, leave] of Object.entries(LEAVES)) {
      test(
        `${name}, cut short ${manner}, is never presented as complete to a client of HTTP/${version}`,
        version === '1.0' ? onlyHttp1('HTTP/1.0') : {},
        inLab({ upstreams: [manual] }, async (lab) => {
          const client = await lab.connect();
          client.write(get(version));
          const upstream = await lab.node.connection(0);
          await upstream.receive('request');
          upstream.write(`HTTP/1.1 200 OK\r\n${head}\r\n${part}`);
          await client.take(seen);
          leave(upstream);
          assert.equal(await client.whenOver(), 'reset');
          assert.doesNotMatch(client.text, /0\r\n\r\n$/);
          const [logged] = await lab.logged(1);
          assert.equal(`${logged?.status} ${logged?.errorCode}`, '200 upstream_reset');
        }),
      );
    }
  }

  test(
    `a body that the end of the connection ends is complete by FIN, and never by RST, for a client of HTTP/${version}`,
    onlyHttp1('the end of a connection ends no stream'),
    inLab({ upstreams: [manual] }, async (lab) => {
      for (const [k, leave] of Object.values(LEAVES).entries()) {
        const client = await lab.connect();
        client.write(get(version, 'Connection: keep-alive\r\n'));
        const upstream = await lab.node.connection(k);
        await upstream.receive('request');
        upstream.write('HTTP/1.1 200 OK\r\n\r\nall of it');
        const text = await client.take('all of it');
        assert.match(text, /\r\nConnection: close\r\n/);
        leave(upstream);
        assert.equal(await client.whenOver(), k === 0 ? 'fin' : 'reset');
      }
      const log = await lab.logged(2);
      assert.deepEqual(
        log.map(({ errorCode }) => errorCode),
        ['', 'upstream_reset'],
      );
    }),
  );
}

test(
  'a response whose head was cut short is answered with 502: nothing of it is passed on',
  inLab({ upstreams: [manual] }, async (lab) => {
    for (const [k, leave] of Object.values(LEAVES).entries()) {
      const client = await lab.connect();
      client.write(get('1.1'));
      const upstream = await lab.node.connection(k);
      await upstream.receive('request');
      upstream.write('HTTP/1.1 200 OK\r\nX-Internal: secret\r\nContent-Le');
      await new Promise((resolve) => setImmediate(resolve));
      leave(upstream);
      const answer = await client.receive('response');
      assert.equal(answer.status, 502);
      assert.equal(valueOf(answer, 'X-Internal'), undefined);
      assert.equal(valueOf(answer, 'Connection'), undefined);
    }
  }),
);

test(
  'an HTTP/1.0 client gets no chunked coding: the end of the connection ends its body',
  onlyHttp1('HTTP/1.0'),
  inLab(
    {
      upstreams: [
        answering(
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n3;ext\r\nabc\r\n4\r\ndefg\r\n0\r\nX: 1\r\n\r\n',
        ),
      ],
    },
    async (lab) => {
      for (const fields of ['', 'Connection: keep-alive\r\n', 'TE: trailers\r\nConnection: TE, keep-alive\r\n']) {
        const client = await lab.connect();
        client.write(get('1.0', fields));
        const answer = await client.receive('response');
        assert.equal(answer.body.toString(), 'abcdefg');
        assert.equal(valueOf(answer, 'Transfer-Encoding') ?? valueOf(answer, 'Trailer'), undefined);
        assert.equal(valueOf(answer, 'Connection'), 'close');
        assert.equal(await client.whenOver(), 'fin');
      }
      // All of it was read from upstream by its own framing.
      assert.equal(lab.node.connections.length, 1);
    },
  ),
);

test(
  'an HTTP/1.0 client keeps its connection only when it asks for that, and is told',
  onlyHttp1('HTTP/1.0'),
  inLab({ upstreams: [answering(ok('body'))] }, async (lab) => {
    const keeping = await lab.connect();
    for (let k = 0; k < 3; k++) {
      keeping.write(get('1.0', 'Connection: Keep-Alive\r\n'));
      const answer = await keeping.receive('response');
      assert.equal(valueOf(answer, 'Connection'), 'keep-alive');
      assert.equal(answer.startLine, 'HTTP/1.1 200 OK');
    }
    keeping.write(get('1.0'));
    assert.equal(valueOf(await keeping.receive('response'), 'Connection'), 'close');
    assert.equal(await keeping.whenOver(), 'fin');
    const closing = await lab.connect();
    closing.write(get('1.0', 'Connection: keep-alive, close\r\n'));
    assert.equal(valueOf(await closing.receive('response'), 'Connection'), 'close');
    assert.equal(await closing.whenOver(), 'fin');
  }),
);

test(
  'a client of HTTP/1.1 keeps its connection unless it says close',
  onlyHttp1('Connection'),
  inLab({ upstreams: [answering(ok('body'))] }, async (lab) => {
    const client = await lab.connect();
    for (const fields of ['', 'Connection: keep-alive\r\n', 'Connection: x\r\n']) {
      client.write(get('1.1', fields));
      assert.equal(valueOf(await client.receive('response'), 'Connection'), undefined);
    }
    client.write(get('1.1', 'Connection: x, CLOSE\r\n') + get('1.1'));
    assert.equal(valueOf(await client.receive('response'), 'Connection'), 'close');
    assert.equal(await client.whenOver(), 'fin');
    assert.equal(client.text, '');
  }),
);

test(
  'an HTTP/1.0 request without Host gets the name of its node',
  onlyHttp1('HTTP/1.0'),
  inLab({ upstreams: [answering((request) => ok(String(valueOf(request, 'Host'))))] }, async (lab) => {
    const answer = await lab.ask('GET / HTTP/1.0\r\n\r\n');
    assert.equal(answer.body.toString(), `127.0.0.1:${lab.node.port}`);
  }),
);
