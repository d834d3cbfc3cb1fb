import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { DnsServer } from '../../test/dns-server.ts';
import { askServers } from './name-servers.ts';

async function startServer(t: TestContext): Promise<DnsServer> {
  const server = await DnsServer.start();
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

it('an answer that is no DNS message fails its own question alone', async (t) => {
  const server = await startServer(t);
  server.host('good.test', '10.0.0.1');
  server.garbled.add('bad.test');
  const client = askServers([server.address]);
  const letGo = server.hold('good.test');
  const good = client.resolve4('good.test');
  await assert.rejects(client.resolve4('bad.test'), { code: 'EBADRESP' });
  letGo();
  assert.deepEqual(await good, [{ address: '10.0.0.1', ttl: 1 }]);
});

it('more questions than may be asked at once are all answered, those that fail included', async (t) => {
  const server = await startServer(t);
  const client = askServers([server.address]);
  for (let i = 0; i < 300; i += 2) server.host(`${i}.test`, '10.0.0.1', '::1');
  const asked = Array.from({ length: 300 }, (_, i) => client.resolve4(`${i}.test`).then(Boolean, () => false));
  const asked6 = Array.from({ length: 300 }, (_, i) => client.resolve6(`${i}.test`).then(Boolean, () => false));
  const expected = Array.from({ length: 300 }, (_, i) => i % 2 === 0);
  assert.deepEqual(await Promise.all(asked), expected);
  assert.deepEqual(await Promise.all(asked6), expected);
});
