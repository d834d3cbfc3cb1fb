import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, describe, it, type TestContext } from 'node:test';
import { eventually } from '../../test/e2e/waiting.ts';
import { ADMIN, BASE, sharedSlapd, Slapd } from '../../test/ldap/slapd.ts';
import { requireProgram } from '../../test/require-program.ts';
import { Certificates } from '../../test/tls/certificates.ts';
import { systemClock } from '../clock/clock.ts';
import { ClientError, type LdapClientOptions, type LdapSearch } from '../sdk/clients.ts';
import { LdapConnections } from './ldap-client.ts';

const host = '127.0.0.1';
const DN = `cn=user01,${BASE}`;
const SEARCH: LdapSearch = { base: BASE, attribute: 'uid', value: 'jdoe', most: 2, limit_s: 5 };

function clientOf(t: TestContext, options: Partial<LdapClientOptions> & { readonly port: number }): LdapConnections {
  const client = new LdapConnections(
    { host, security: 'none', timeout_ms: 20_000, ...options },
    systemClock.startTimer,
  );
  t.after(() => client.close());
  return client;
}

const isFault =
  (fault: string, status = 0) =>
  (error: unknown) => {
    assert.ok(error instanceof ClientError, String(error));
    assert.deepEqual([error.fault, error.status], [fault, status], error.message);
    return true;
  };

describe('a real directory', () => {
  const certificates = new Certificates();
  const authority = certificates.selfSigned('Test CA');
  const directory = sharedSlapd(() => ({ pair: authority.issue('ldap.example') }));
  after(() => certificates.remove());

  it('takes right passwords and no others, with one connection for all', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const client = clientOf(t, { port: slapd.port });
    assert.equal(await client.accepts(DN, 'password1'), true);
    for (const password of ['password2', 'password1 ', 'Password1', 'p', '\0', 'password1\0', '*', 'x'.repeat(10_000)])
      assert.equal(await client.accepts(DN, password), false, password);
    assert.equal(await client.accepts(`cn=nobody,${BASE}`, 'password1'), false);
    assert.equal(await client.accepts(`cn=comma\\,user,${BASE}`, 'comma:pass'), true);
    assert.equal(await client.accepts(`cn=Grün,${BASE}`, 'pässword'), true);
    await assert.rejects(client.accepts('cn=user01,', 'x'), isFault('rejected', 34));
    assert.equal(await client.accepts(DN, 'password1'), true, 'an answer like that costs no connection');
  });

  it('is never asked with an empty password, or for no entry, which it would take for nobody in particular', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const client = clientOf(t, { port: 1 });
    for (const [dn, password] of [
      [DN, ''],
      ['', ''],
      ['', 'x'],
      ['EXTERNAL', 'x'],
    ] as const)
      assert.equal(await client.accepts(dn, password), false);
  });

  it('finds entries by a value, whatever that holds', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const client = clientOf(t, { port: slapd.port });
    const find = (value: string, more: Partial<LdapSearch> = {}): Promise<readonly string[]> =>
      client.find({ ...SEARCH, value, ...more });
    assert.deepEqual(await find('jdoe'), [`cn=Jane Doe,${BASE}`]);
    assert.deepEqual(await find('star*(user)'), [`cn=star*(user),${BASE}`]);
    assert.deepEqual(await find('grün'), [`cn=Grün,${BASE}`]);
    for (const value of ['*', 'j*', 'jdoe)(uid=*', '*)(|(uid=*', '\\2a', '\0', 'x'.repeat(10_000), 'nobody'])
      assert.deepEqual(await find(value), [], value);
    assert.equal((await find('twin')).length, 2);
    assert.equal((await find('twin', { most: 1 })).length, 1);
    assert.deepEqual(await find('comma,user', { attribute: 'cn' }), [`cn=comma\\2Cuser,${BASE}`]);
    await assert.rejects(find('jdoe', { base: 'dc=elsewhere' }), isFault('rejected', 32));
  });

  it('is searched as whoever is named, which proving others does not change', async (t) => {
    const program = requireProgram(t, 'slapd');
    if (program === undefined) return;
    const closed = await Slapd.start(program, { allowsAnonymous: false });
    t.after(() => closed.end());
    await assert.rejects(clientOf(t, { port: closed.port }).find(SEARCH), isFault('rejected', 50));
    const client = clientOf(t, { port: closed.port, search_as: ADMIN });
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await client.find(SEARCH), [`cn=Jane Doe,${BASE}`]);
      assert.equal(await client.accepts(DN, i === 1 ? 'wrong' : 'password1'), i !== 1);
    }
    const wrong = clientOf(t, { port: closed.port, search_as: { ...ADMIN, password: 'wrong' } });
    await assert.rejects(wrong.find(SEARCH), isFault('rejected', 49));
  });

  for (const security of ['tls', 'starttls'] as const) {
    it(`is spoken to under ${security} with its own certificate alone`, async (t) => {
      const slapd = await directory(t);
      if (slapd === undefined) return;
      const port = security === 'tls' ? slapd.securePort : slapd.port;
      const ca = authority.cert;
      const named = { ca, server_name: 'ldap.example' };
      const accepts = (tlsOptions: LdapClientOptions['tls'] = {}): Promise<boolean> =>
        clientOf(t, { port, security, tls: tlsOptions }).accepts(DN, 'password1');
      assert.equal(await accepts(named), true);
      assert.equal(await accepts({ verify: false }), true);
      await assert.rejects(accepts(), isFault('tls'));
      await assert.rejects(accepts({ ca }), isFault('tls'), 'an address that it does not have');
      await assert.rejects(accepts({ ca, server_name: 'other.example' }), isFault('tls'));
      const searching = clientOf(t, { port, security, tls: named, search_as: ADMIN });
      assert.equal((await searching.find(SEARCH)).length, 1);
    });
  }

  it('that stands still is given up in time, and asked again when it goes on', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const client = clientOf(t, { port: slapd.port, timeout_ms: 300, connections: 2 });
    // In less than its time, which a busy machine may need some tries for.
    await eventually(
      () => client.accepts(DN, 'password1').catch(() => false),
      () => 'the directory does not answer',
    );
    await slapd.pause();
    const calls = Array.from({ length: 6 }, () => client.accepts(DN, 'password1').catch((error: unknown) => error));
    const faults = (await Promise.all(calls)).map((error) => (error instanceof ClientError ? error.fault : error));
    slapd.resume();
    assert.deepEqual(
      faults,
      Array.from({ length: 6 }, () => 'timeout'),
    );
    const patient = clientOf(t, { port: slapd.port });
    assert.equal(await patient.accepts(DN, 'password1'), true);
    assert.equal(await client.accepts(DN, 'wrong').catch(() => false), false);
  });
});

/** A directory that is none: what it does with each connection. */
async function pretend(
  t: TestContext,
  onSocket: (socket: net.Socket) => void,
): Promise<{ port: number; seen(): number }> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    onSocket(socket);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, host), 'listening');
  return { port: (server.address() as net.AddressInfo).port, seen: () => sockets.length };
}

const answering =
  (bytes: Buffer | string) =>
  (socket: net.Socket): void =>
    void socket.on('data', () => socket.write(bytes));

/** BindResponse, success, for the message ids 2 and 3. */
const BOUND = (id: number): Buffer =>
  Buffer.from(`300c0201${id.toString(16).padStart(2, '0')}61070a010004000400`, 'hex');
const STARTED = Buffer.from('300c02010178070a010004000400', 'hex');

describe('what is no directory', () => {
  const CASES: [title: string, onSocket: (socket: net.Socket) => void, fault: string][] = [
    ['silence', () => {}, 'timeout'],
    ['the end', (socket) => socket.end(), 'reset'],
    ['a reset', (socket) => socket.resetAndDestroy(), 'reset'],
    ['HTTP', answering('HTTP/1.1 400 Bad Request\r\n\r\n'), 'malformed'],
    ['a message that is none', answering(Buffer.from('3003020101', 'hex')), 'timeout'],
    [
      'a message without end',
      (socket) => socket.write(Buffer.concat([Buffer.from('30847fffffff', 'hex'), Buffer.alloc(2_000_000)])),
      'too_large',
    ],
    ['an answer to another question', answering(BOUND(9)), 'timeout'],
  ];
  for (const [title, onSocket, fault] of CASES) {
    it(`${title} is told apart in bounded time, and proves nobody`, async (t) => {
      const { port } = await pretend(t, onSocket);
      const client = clientOf(t, { port, timeout_ms: fault === 'timeout' ? 300 : 20_000 });
      const outcome = await client.accepts(DN, 'x').catch((error: unknown) => error);
      assert.ok(outcome instanceof ClientError && [fault, 'reset'].includes(outcome.fault), String(outcome));
      await assert.rejects(client.find(SEARCH), ClientError);
    });
  }

  it('random bytes prove nobody and find nobody', async (t) => {
    let seed = 42;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648);
    const { port } = await pretend(t, (socket) => {
      socket.on('data', () => {
        const bytes = Buffer.from(Array.from({ length: 1 + (random() % 40) }, () => random() & 0xff));
        // Mostly something like the right answer.
        const right = BOUND(2);
        for (let i = 0; i < 3; i++) right[random() % right.length] = random() & 0xff;
        if (right.equals(BOUND(2))) right[9] = 1;
        socket.end(random() % 3 === 0 ? bytes : right);
      });
    });
    const client = clientOf(t, { port, timeout_ms: 100 });
    for (let i = 0; i < 100; i++) {
      const outcome = await client.accepts(DN, 'x').catch(() => false);
      if (outcome) assert.fail('random bytes prove somebody');
    }
  });

  it('nobody there, and a port that is closed', async (t) => {
    const { port } = await pretend(t, () => {});
    await assert.rejects(clientOf(t, { port: 1 }).accepts(DN, 'x'), isFault('refused'));
    await assert.rejects(clientOf(t, { port, security: 'tls', timeout_ms: 200 }).accepts(DN, 'x'), isFault('timeout'));
  });
});

describe('StartTLS', () => {
  const TLS = { verify: false } as const;
  const CASES: [title: string, answer: Buffer, fault: string, status?: number][] = [
    // All but the end of an answer to the next question, which the first encrypted bytes would complete.
    ['with half an answer behind it', Buffer.concat([STARTED, BOUND(2).subarray(0, 13)]), 'malformed'],
    ['with a whole answer behind it', Buffer.concat([STARTED, BOUND(2)]), 'malformed'],
    ['refused', Buffer.from('300c02010178070a013504000400', 'hex'), 'rejected', 53],
    ['answered by another kind of message', BOUND(1), 'malformed'],
    ['answered by no message', Buffer.from('hello, world'), 'malformed'],
    ['answered without end', Buffer.from('30830fffff', 'hex'), 'malformed'],
    ['half answered', STARTED.subarray(0, 5), 'timeout'],
  ];
  for (const [title, answer, fault, status] of CASES) {
    it(`${title} sends no password`, async (t) => {
      const sent: Buffer[] = [];
      const { port } = await pretend(t, (socket) => {
        socket.on('data', (bytes: Buffer) => {
          sent.push(bytes);
          socket.write(answer);
        });
      });
      const timeout_ms = fault === 'timeout' ? 300 : 20_000;
      const client = clientOf(t, { port, security: 'starttls', tls: TLS, timeout_ms });
      await assert.rejects(client.accepts(DN, 'hush-secret'), isFault(fault, status));
      assert.doesNotMatch(Buffer.concat(sent).toString('latin1'), /hush-secret/);
    });
  }
});

it('connections are kept while they are wanted, and no longer', async (t) => {
  const open = new Set<net.Socket>();
  const { port, seen } = await pretend(t, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('data', (bytes: Buffer) => socket.write(BOUND(bytes[4] ?? 0)));
  });
  const client = clientOf(t, { port, idle_connections: 2, idle_ms: 50 });
  const burst = (): Promise<boolean[]> => Promise.all(Array.from({ length: 5 }, () => client.accepts(DN, 'x')));
  assert.deepEqual(
    await burst(),
    Array.from({ length: 5 }, () => true),
  );
  assert.equal(seen(), 5);
  while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  // One that the directory closes meanwhile is not used again.
  assert.equal(await client.accepts(DN, 'x'), true);
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await client.accepts(DN, 'x'), true);
  const none = clientOf(t, { port, idle_connections: 0 });
  const already = seen();
  await none.accepts(DN, 'x');
  await none.accepts(DN, 'x');
  assert.equal(seen(), already + 2);
});

it('a client that is closed gives up what is under way', async (t) => {
  const { port } = await pretend(t, () => {});
  const client = clientOf(t, { port, connections: 1 });
  const calls = [client.accepts(DN, 'x'), client.accepts(DN, 'y'), client.find(SEARCH)];
  for (const call of calls) call.catch(() => undefined);
  client.close();
  for (const call of calls) await assert.rejects(call, isFault('closed'));
  await assert.rejects(client.accepts(DN, 'x'), isFault('closed'));
});

it('options that cannot be are refused', () => {
  const wrong: [Partial<LdapClientOptions>, RegExp][] = [
    [{ port: 0 }, /port/],
    [{ host: '' }, /host/],
    [{ timeout_ms: 0 }, /timeout_ms/],
    [{ connections: 0 }, /connections/],
    [{ idle_connections: -1 }, /idle_connections/],
    [{ search_as: { dn: 'cn=a', password: '' } }, /nobody in particular/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(
      () => new LdapConnections({ host, port: 389, security: 'none', ...options }, systemClock.startTimer),
      { name: 'TypeError', message },
    );
  }
});
