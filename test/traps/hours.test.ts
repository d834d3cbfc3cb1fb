/** Streams that live for hours: the time between two pieces is bounded, and the whole is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandClock } from './hand-clock.ts';
import { inLab } from './lab.ts';
import { manual } from './scripted-upstream.ts';

const READ = { connect_ms: 60_000, send_ms: 60_000, read_ms: 60_000 };
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const HOURS = 4;
const STEP_MS = 50_000;
const STEPS = (HOURS * 3_600_000) / STEP_MS;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

const eventClock = new HandClock();
test(
  `server-sent events go on for ${HOURS} hours, each handed on at once, and end when none comes for read_ms`,
  inLab({ upstreams: [manual], upstream: { timeouts: READ }, clock: eventClock }, async (lab) => {
    const client = await lab.connect();
    client.write(GET);
    const upstream = await lab.node.connection(0);
    await upstream.take('\r\n\r\n');
    upstream.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
    await client.take('\r\n\r\n');
    for (let i = 0; i < STEPS; i++) {
      upstream.write(chunk(`data: ${i}\n\n`));
      await client.take(`data: ${i}\n\n`);
      client.clear();
      await eventClock.pass(lab, STEP_MS);
    }
    assert.equal(client.end, 'open');
    await eventClock.pass(lab, 11_000);
    assert.notEqual(await client.whenOver(), 'fin', 'an answer that is cut short does not look complete');
    assert.equal((await lab.logged(1))[0]?.errorCode, 'upstream_timeout');
  }),
);

const uploadClock = new HandClock();
test(
  `an upload goes on for ${HOURS} hours, one piece after the other`,
  inLab({ upstreams: [manual], upstream: { timeouts: READ }, clock: uploadClock }, async (lab) => {
    const client = await lab.connect();
    client.write('PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    const upstream = await lab.node.connection(0);
    await upstream.take('\r\n\r\n');
    for (let i = 0; i < STEPS; i++) {
      client.write(chunk(`piece ${i};`));
      await upstream.take(`piece ${i};`);
      upstream.clear();
      await uploadClock.pass(lab, STEP_MS);
    }
    client.write('0\r\n\r\n');
    await upstream.take('0\r\n\r\n');
    upstream.write('HTTP/1.1 204 No Content\r\n\r\n');
    await client.take('204');
    await client.take('\r\n\r\n');
    assert.equal((await lab.logged(1))[0]?.status, 204);
  }),
);

const pollClock = new HandClock();
test(
  'a long poll is answered as late as read_ms allows, again and again on one connection, and with 504 when it is over',
  inLab({ upstreams: [manual], upstream: { timeouts: READ }, clock: pollClock }, async (lab) => {
    const client = await lab.connect();
    let upstream = null;
    for (let i = 0; i < 3; i++) {
      client.write(GET);
      upstream ??= await lab.node.connection(0);
      await upstream.take('\r\n\r\n');
      upstream.clear();
      await pollClock.pass(lab, 59_000);
      upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
      const { body } = await client.receive('response');
      assert.equal(body.toString(), 'late');
    }
    client.write(GET);
    await upstream?.take('\r\n\r\n');
    await pollClock.pass(lab, 61_000);
    const { status } = await client.receive('response');
    assert.equal(status, 504);
  }),
);
