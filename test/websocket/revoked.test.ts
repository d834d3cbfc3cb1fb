/** WebSockets of callers who are not known any more: closed after `max_stale_ms`, where that is set. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { HandClock, type Lab, openLab } from '../plugins/lab.ts';
import { eventually } from '../traps/lab.ts';

interface Configured {
  readonly consumers?: readonly object[];
  readonly max_stale_ms?: number;
}

const JACK = { username: 'jack', plugins: { 'key-auth': { key: 'jacks-key' } } };
const JILL = { username: 'jill', plugins: { 'key-auth': { key: 'jills-key' } } };
const phone = (key: string): object => ({ id: 'jill/credentials/phone', plugins: { 'key-auth': { key } } });

interface Opened {
  readonly lab: Lab;
  readonly clock: HandClock;
  configure(changes: Configured): void;
  connect(key?: string): Promise<WebSocket>;
}

async function open(t: TestContext, first: Configured): Promise<Opened> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const textOf = ({ consumers = [], max_stale_ms }: Configured): string => {
    const upstream = { nodes: { [`127.0.0.1:${port}`]: 1 } };
    return JSON.stringify({
      gateway: { timeouts: max_stale_ms === undefined ? {} : { max_stale_ms } },
      routes: [
        { uri: '/open', enable_websocket: true, upstream },
        { uri: '/chat', enable_websocket: true, upstream, plugins: { 'key-auth': {} } },
      ],
      consumers,
    });
  };
  const clock = new HandClock();
  const lab = await openLab(t, textOf(first), { clock });
  const clients: WebSocket[] = [];
  t.after(() => clients.forEach((client) => client.terminate()));
  return {
    lab,
    clock,
    configure: (changes) => lab.reload(textOf({ ...first, ...changes })),
    async connect(key) {
      const url = `ws://127.0.0.1:${lab.port}/${key === undefined ? 'open' : 'chat'}`;
      const client = new WebSocket(url, key === undefined ? {} : { headers: { apikey: key } });
      clients.push(client);
      await once(client, 'open');
      return client;
    },
  };
}

async function goesOn(client: WebSocket): Promise<void> {
  client.send('still there');
  await once(client, 'message');
}

test('the connection of a consumer that was removed goes on for its time, and is then closed with 1008', async (t) => {
  const { lab, clock, configure, connect } = await open(t, { consumers: [JACK, JILL], max_stale_ms: 5_000 });
  const [jack, jill, anybody] = [await connect('jacks-key'), await connect('jills-key'), await connect()];
  configure({ consumers: [JILL] });
  clock.pass(4_900);
  await goesOn(jack);
  const closed = once(jack, 'close');
  clock.pass(300);
  const [code] = (await closed) as [number];
  assert.equal(code, 1008);
  await eventually(
    () => lab.log.length === 1,
    () => 'the exchange ends',
  );
  assert.deepEqual(
    lab.log.map(({ status, errorCode, consumerName }) => [status, errorCode, consumerName]),
    [[101, 'revoked', 'jack']],
  );
  await goesOn(jill);
  await goesOn(anybody);
});

test('so is that of a consumer or credential that was changed; another credential of the same consumer is not touched', async (t) => {
  const before = [JACK, JILL, phone('phone-key')];
  const { clock, configure, connect } = await open(t, { consumers: before, max_stale_ms: 0 });
  const [jack, jill, byPhone] = [await connect('jacks-key'), await connect('jills-key'), await connect('phone-key')];
  const closed = once(byPhone, 'close');
  configure({ consumers: [JACK, JILL, phone('another-key')] });
  clock.pass(200);
  assert.equal(((await closed) as [number])[0], 1008);
  await goesOn(jack);
  await goesOn(jill);
  const next = once(jack, 'close');
  configure({ consumers: [{ ...JACK, plugins: { 'key-auth': { key: 'new-key' } } }, JILL, phone('another-key')] });
  clock.pass(200);
  assert.equal(((await next) as [number])[0], 1008);
  await goesOn(jill);
});

test('without max_stale_ms connections go on', async (t) => {
  const { clock, configure, connect } = await open(t, { consumers: [JACK] });
  const jack = await connect('jacks-key');
  configure({ consumers: [] });
  clock.pass(200_000);
  await goesOn(jack);
});
