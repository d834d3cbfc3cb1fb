/**
 * RFC 9112 §9.8: over TLS a response that only the end of the connection ends is complete if the node said by close_notify that it
 * ends, and cut short if the connection simply ended: anybody on the way can do that.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { test, type TestContext } from 'node:test';
import { PAIR } from '../certificate.ts';
import { openLab } from '../plugins/lab.ts';
import { eventually } from '../traps/lab.ts';

/** A node that answers with `body` and says that it ends; what lets it say so is given by the relay before it. */
async function startNode(t: TestContext, body: Buffer, version: tls.SecureVersion): Promise<number> {
  const server = tls.createServer({ ...PAIR, minVersion: version, maxVersion: version }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n');
      socket.end(body);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

const ALERT = 21;
const DATA = 23;
/** Of an alert in TLS 1.3, which looks like data from outside. */
const ALERT_BYTES = 24;

/** A TLS stream, of which everything may pass but a close_notify at its end. */
class Records {
  /** Begins with a record. */
  private rest = Buffer.alloc(0);
  notice = Buffer.alloc(0);

  take(bytes: Buffer): void {
    this.rest = Buffer.concat([this.notice, this.rest, bytes]);
    this.notice = Buffer.alloc(0);
  }

  passable(): Buffer {
    const { rest } = this;
    let start = 0;
    let next = 0;
    while (next + 5 <= rest.length && next + 5 + rest.readUInt16BE(next + 3) <= rest.length) {
      start = next;
      next += 5 + rest.readUInt16BE(start + 3);
    }
    const isAlert = rest[start] === ALERT || (rest[start] === DATA && next - start === ALERT_BYTES);
    const isNotice = isAlert && next === rest.length && next > start;
    const end = isNotice ? start : next;
    this.notice = isNotice ? rest.subarray(start) : this.notice;
    this.rest = rest.subarray(next);
    return rest.subarray(0, end);
  }
}

/** What stands between the gateway and a node: it passes everything on, or everything but the close_notify. */
async function startRelay(t: TestContext, target: number, dropsNotice: boolean): Promise<number> {
  const server = net.createServer((client) => {
    const node = net.connect(target, '127.0.0.1');
    for (const socket of [client, node]) socket.on('error', () => undefined);
    client.once('data', (first: Buffer) => {
      // A header of the PROXY protocol is a line before everything else.
      node.write(first.subarray(first.toString('latin1').startsWith('PROXY ') ? first.indexOf('\n') + 1 : 0));
      client.pipe(node);
    });
    const records = new Records();
    node.on('data', (bytes: Buffer) => {
      records.take(bytes);
      client.write(records.passable());
    });
    node.on('end', () => {
      assert.ok(records.notice.length > 0, 'the node said that it ends');
      client.end(dropsNotice ? '' : records.notice);
    });
    client.on('close', () => node.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

interface Seen {
  readonly bytes: number;
  readonly end: 'fin' | 'reset';
}

/** @param pause_ms how long the client reads nothing once the head is there */
async function ask(port: number, pause_ms: number): Promise<Seen> {
  const client = net.connect(port, '127.0.0.1');
  let text = 0;
  let isHead = true;
  let end: Seen['end'] = 'fin';
  client.on('error', () => (end = 'reset'));
  client.on('data', (bytes: Buffer) => {
    text += bytes.length;
    if (!isHead) return;
    isHead = false;
    if (pause_ms === 0) return;
    client.pause();
    setTimeout(() => client.resume(), pause_ms);
  });
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await new Promise((resolve) => client.on('close', resolve));
  return { bytes: text, end };
}

const CASES = [
  ['a small body', 20, 0, {}],
  ['a large body', 6_000_000, 0, {}],
  ['a large body for a slow client', 6_000_000, 300, {}],
  ['a body behind a PROXY header', 20, 0, { 'upstream-proxy-protocol': { version: 1 } }],
] as const;

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [name, size, pause_ms, plugins] of CASES) {
    for (const dropsNotice of [false, true]) {
      const outcome = dropsNotice ? 'without close_notify is cut short' : 'with close_notify is complete';
      test(`${version}: ${name} that the connection ends ${outcome}`, async (t) => {
        const node = await startNode(t, Buffer.alloc(size, 'x'), version);
        const port = await startRelay(t, node, dropsNotice);
        const upstream = { scheme: 'https', tls: { verify: false }, nodes: { [`127.0.0.1:${port}`]: 1 } };
        const lab = await openLab(t, JSON.stringify({ routes: [{ uri: '/*', plugins, upstream }] }));
        const { bytes, end } = await ask(lab.port, pause_ms);
        await eventually(
          () => lab.log.length === 1,
          () => 'the exchange is not over',
        );
        assert.equal(lab.log[0]?.errorCode, dropsNotice ? 'upstream_reset' : '');
        assert.equal(end, dropsNotice ? 'reset' : 'fin');
        if (!dropsNotice) assert.ok(bytes > size, `${bytes} bytes of a head and ${size}`);
      });
    }
  }
}

for (const [name, gateway] of [
  ['where that is not required', { upstream_tls: { require_close_notify: false } }],
  ['in the profile of APISIX', { profile: 'apisix' }],
] as const) {
  for (const [what, , , plugins] of CASES.filter(([, size]) => size === 20)) {
    test(`${what} that the connection ends without close_notify is complete ${name}`, async (t) => {
      const node = await startNode(t, Buffer.alloc(20, 'x'), 'TLSv1.3');
      const port = await startRelay(t, node, true);
      const upstream = { scheme: 'https', tls: { verify: false }, nodes: { [`127.0.0.1:${port}`]: 1 } };
      const lab = await openLab(t, JSON.stringify({ gateway, routes: [{ uri: '/*', plugins, upstream }] }));
      assert.equal((await ask(lab.port, 0)).end, 'fin');
      await eventually(
        () => lab.log.length === 1,
        () => 'the exchange is not over',
      );
      assert.equal(lab.log[0]?.errorCode, '');
    });
  }
}
