/** Nodes die and come back, connections go stale: no idempotent request fails as long as somebody can answer it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { routeTo, RunningGateway } from '../gateway.ts';
import { Load } from '../load.ts';
import { NodeProcess } from '../node-process.ts';

describe('faults', () => {
  it('loses no GET while a node is killed and started again', async (t) => {
    await using first = await NodeProcess.start();
    await using second = await NodeProcess.start();
    await using third = await NodeProcess.start();
    await using gateway = await RunningGateway.start({
      gateway: { access_log: { path: 'access.log', format: 'json' } },
      routes: [routeTo([first.port, second.port, third.port])],
    });
    await using load = new Load(gateway.port, 32);
    for (let round = 0; round < 2; round++) {
      await load.more(500);
      await second.kill();
      await load.more(500);
      await second.start();
      await load.sees(new RegExp(` ${second.pid}$`));
    }
    const { answered, failed } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
    await gateway.stop();
    const retried = attemptsIn(gateway).filter((attempts) => attempts.length > 1);
    t.diagnostic(`${answered[200]} answered, ${retried.length} of them after a retry`);
    assert.ok(retried.length >= 2);
    assert.ok(retried.every((attempts) => attempts[0] === `127.0.0.1:${second.port}`));
  });

  it('loses no GET to an upstream that closes connections whenever it likes', async (t) => {
    const seed = Date.now() % 1_000_000;
    t.diagnostic(`seed ${seed}`);
    await using upstream = await startMoody(seed);
    await using gateway = await RunningGateway.start({
      gateway: { access_log: { path: 'access.log', format: 'json' } },
      routes: [routeTo([upstream.port])],
    });
    await using load = new Load(gateway.port, 32);
    await load.more(6_000);
    const { answered, failed } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
    await gateway.stop();
    const retried = attemptsIn(gateway).filter((attempts) => attempts.length > 1);
    t.diagnostic(
      `${answered[200]} answered, ${upstream.closed} connections closed on the gateway, ${retried.length} retries`,
    );
    assert.ok(upstream.closed > 500 && retried.length > 50);
  });
});

/** The nodes that each exchange tried. */
function attemptsIn(gateway: RunningGateway): string[][] {
  return gateway.lines('access.log').map((line) => (JSON.parse(line) as { upstream_addr: string[] }).upstream_addr);
}

interface Moody extends AsyncDisposable {
  readonly port: number;
  readonly closed: number;
}

/** Answers the first request of a connection always; after an answer it closes it now, soon, or instead of the next one. */
async function startMoody(seed: number): Promise<Moody> {
  let state = seed;
  const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  let closed = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    let answers = 0;
    const close = (): void => {
      if (socket.destroyed) return;
      closed++;
      if (random() < 0.5) socket.destroy();
      else socket.resetAndDestroy();
    };
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.setNoDelay(true);
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      if (!text.endsWith('\r\n\r\n')) return;
      text = '';
      if (answers++ > 0 && random() < 0.1) return close();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', () => {
        const mood = random();
        if (mood < 0.1) close();
        else if (mood < 0.25) setTimeout(close, random() * 3);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get closed() {
      return closed;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
