/** Authentication of a gateway as its users run it, with several workers and over HTTP/2 as well. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { it, type TestContext } from 'node:test';
import { RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

const WORKERS = 2;
const CLIENTS = 48;
const SECRET = 'a-secret-of-thirty-two-bytes-at-least';

type Fields = Readonly<Record<string, string>>;

/** Answers with the fields that it was sent, and the keys that it publishes at `/keys`. */
async function startUpstream(t: TestContext): Promise<number> {
  const server = http.createServer(({ headers }, response) => response.end(JSON.stringify(headers)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function start(t: TestContext): Promise<RunningGateway> {
  const upstream = { nodes: { [`127.0.0.1:${await startUpstream(t)}`]: 1 } };
  // Nothing that counts here is forgiven while the test runs.
  const damping = { failures: 50, window_s: 86_400 };
  return RunningGateway.start({
    gateway: {
      workers: WORKERS,
      http: [{ address: '127.0.0.1', port: 0, http2: true }],
      access_log: { path: 'access.log', format: '$status "$request" $upstream_uri $consumer_name $auth_reason' },
    },
    plugin_metadata: [
      { id: 'basic-auth', damping },
      { id: 'key-auth', damping },
    ],
    consumers: [
      {
        username: 'jack',
        plugins: {
          'basic-auth': { username: 'jack', password: 'ace' },
          'key-auth': { key: 'jack-key' },
          'jwt-auth': { key: 'jack-key', secret: SECRET },
          'hmac-auth': { key_id: 'jack-key', secret_key: SECRET },
        },
      },
    ],
    routes: ['basic-auth', 'key-auth', 'jwt-auth', 'hmac-auth'].map((name) => ({
      uri: `/${name}`,
      plugins: { [name]: name === 'hmac-auth' ? { reject_replays: true } : {} },
      upstream,
    })),
  });
}

const basic = (text: string): Fields => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });

function statusOf(port: number, agent: http.Agent | false, path: string, headers: Fields): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, agent, path, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
  });
}

/** So many requests over connections that go to all workers; how many got each status. */
async function flood(
  port: number,
  path: string,
  headersOf: (index: number) => Fields,
  length = 200,
): Promise<Record<number, number>> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  const counts: Record<number, number> = {};
  const all = Array.from({ length }, async (_, i) => {
    const status = await statusOf(port, agent, path, headersOf(i));
    counts[status] = (counts[status] ?? 0) + 1;
  });
  await Promise.all(all);
  agent.destroy();
  return counts;
}

it('guesses and replays are counted exactly across workers, nobody says who somebody else is, and logs show no secret', async (t) => {
  await using gateway = await start(t);
  const { port } = gateway;
  for (const key of ['jack-key', 'wrong-key']) await statusOf(port, false, `/key-auth?a=1&apikey=${key}`, {});
  await t.test('guesses and replays', () => guess(gateway));
  await t.test('identity over HTTP/2', (inner) => forge(inner, port));
  await gateway.stop();
  const lines = gateway.lines('access.log').filter((line) => line.includes('?a=1'));
  assert.deepEqual(lines.sort(), [
    '200 "GET /key-auth?a=1&apikey=*** HTTP/1.1" /key-auth?a=1&apikey=*** jack -',
    '401 "GET /key-auth?a=1&apikey=*** HTTP/1.1" - - key_unknown',
  ]);
});

async function guess(gateway: RunningGateway): Promise<void> {
  const { port } = gateway;
  // First, while there is room for its lines: the log takes a hundred of one event at once.
  const date = new Date().toUTCString();
  const signature = createHmac('sha256', SECRET).update(`jack-key\nGET /hmac-auth\ndate: ${date}\n`).digest('base64');
  const list = 'keyId="jack-key",algorithm="hmac-sha256",headers="@request-target date"';
  const signed = { Date: date, Authorization: `Signature ${list},signature="${signature}"` };
  assert.deepEqual(await flood(port, '/hmac-auth', () => signed, 60), { 200: 1, 401: 59 });
  assert.deepEqual(await flood(port, '/basic-auth', (i) => basic(`jack:guess-${i}`)), { 401: 50, 429: 150 });
  assert.equal(await statusOf(port, false, '/basic-auth', basic('jack:ace')), 429, 'whatever the password');
  assert.deepEqual(await flood(port, '/key-auth', (i) => ({ apikey: `guess-${i}` })), { 401: 49, 429: 151 });
  assert.equal(await statusOf(port, false, '/key-auth', { apikey: 'jack-key' }), 200, 'keys are not for guessing');
  await eventually(
    () => gateway.errorLog.includes('reason=replayed') && gateway.errorLog.includes('plugin=basic-auth'),
    () => gateway.errorLog,
  );
  const told = gateway.errorLog
    .split('\n')
    .filter((line) => line.includes('auth_refused'))
    .join('\n');
  assert.match(told, /info +auth_refused plugin=basic-auth object=\S+ code=credentials_invalid reason=password_wrong/);
  assert.match(told, /claimed=jack from=127\.0\.0\.1 route=\S+ method=GET path=\/basic-auth/);
  assert.doesNotMatch(told, /guess-|secret/);
}

async function forge(t: TestContext, port: number): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const ask = async (path: string, fields: Fields): Promise<Record<string, string>> => {
    const stream = session.request({ ':path': path, ...fields });
    let text = '';
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    await once(stream, 'end');
    return JSON.parse(text) as Record<string, string>;
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const unsigned = `${part({ alg: 'HS256' })}.${part({ key: 'jack-key' })}`;
  const token = `${unsigned}.${createHmac('sha256', SECRET).update(unsigned).digest('base64url')}`;
  const forged = { 'x-consumer-username': 'root', x_consumer_username: 'root', 'x-credential-identifier': 'root' };
  const ways = { '/key-auth': { apikey: 'jack-key' }, '/jwt-auth': { authorization: `bearer ${token}` } };
  for (const [path, fields] of Object.entries(ways)) {
    const seen = await ask(path, { ...fields, ...forged });
    assert.equal(seen['x-consumer-username'], 'jack', path);
    assert.doesNotMatch(JSON.stringify(seen), /root/);
  }
}
