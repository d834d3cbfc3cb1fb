import assert from 'node:assert/strict';
import { promises as dns } from 'node:dns';
import { describe, it, type TestContext } from 'node:test';
import { DnsServer } from '../../test/dns-server.ts';
import { createLookup, type Family, type Found, LookupError } from './dns-lookup.ts';
import { parseHosts } from './system-names.ts';

const HOSTS = parseHosts('127.0.0.7 listed\n::7 listed\n::8 only6\n');

interface Lab {
  readonly server: DnsServer;
  host(name: string, family?: Family): Promise<Found>;
  service(name: string): Promise<Found>;
}

async function openLab(t: TestContext, search: readonly string[] = [], ndots = 1): Promise<Lab> {
  const server = await DnsServer.start();
  t.after(() => server[Symbol.asyncDispose]());
  const resolver = new dns.Resolver({ timeout: 100, tries: 1 });
  resolver.setServers([server.address]);
  const client = {
    resolve4: (name: string) => resolver.resolve4(name, { ttl: true }),
    resolve6: (name: string) => resolver.resolve6(name, { ttl: true }),
    resolveSrv: (name: string) => resolver.resolveSrv(name),
  };
  const system = () => Promise.resolve({ hosts: HOSTS, search: { domains: search, ndots }, client });
  const lookup = (family: Family) => createLookup({ family, system });
  return {
    server,
    host: (name, family = 'ipv4_first') => lookup(family)({ kind: 'host', name }),
    service: (name) => lookup('ipv4_first')({ kind: 'service', name }),
  };
}

const addressesOf = ({ answer }: Found): string[] => answer.map(({ address }) => address).toSorted();
const isNegative = (error: unknown): boolean => error instanceof LookupError && error.isNegative;
const isFailure = (error: unknown): boolean => error instanceof LookupError && !error.isNegative;

describe('finding addresses', () => {
  it('gives all addresses of a name with their TTL', async (t) => {
    const { server, host } = await openLab(t);
    server.ttl = 7;
    server.host('api.test', '10.0.0.1', '10.0.0.2', '::1');
    const found = await host('api.test');
    assert.deepEqual([addressesOf(found), found.ttl_ms], [['10.0.0.1', '10.0.0.2'], 7_000]);
    assert.deepEqual(server.questions, ['api.test A']);
  });

  it('takes the other kind where there is none of the first, or both', async (t) => {
    const { server, host } = await openLab(t);
    server.host('six.test', '2001:db8::1');
    server.host('both.test', '10.0.0.1', '2001:db8::1');
    assert.deepEqual(addressesOf(await host('six.test')), ['2001:db8::1']);
    assert.deepEqual(addressesOf(await host('both.test', 'ipv6_first')), ['2001:db8::1']);
    assert.deepEqual(addressesOf(await host('both.test', 'both')), ['10.0.0.1', '2001:db8::1']);
    assert.deepEqual(addressesOf(await host('six.test', 'both')), ['2001:db8::1']);
  });

  it('believes /etc/hosts before the DNS, and keeps localhost on the machine', async (t) => {
    const { server, host } = await openLab(t);
    server.host('listed', '10.0.0.1');
    assert.deepEqual(addressesOf(await host('listed')), ['127.0.0.7']);
    assert.deepEqual(addressesOf(await host('LISTED.', 'both')), ['127.0.0.7', '::7']);
    assert.deepEqual(addressesOf(await host('only6')), ['::8']);
    assert.deepEqual(addressesOf(await host('localhost')), ['127.0.0.1']);
    assert.deepEqual(addressesOf(await host('a.localhost', 'ipv6_first')), ['::1']);
    assert.deepEqual(server.questions, []);
  });

  it('tries the search domains of the system in their order', async (t) => {
    const { server, host } = await openLab(t, ['svc.test', 'test'], 2);
    server.host('api.test', '10.0.0.1');
    assert.deepEqual(addressesOf(await host('api')), ['10.0.0.1']);
    assert.deepEqual(
      server.questions.filter((one) => one.endsWith(' A')),
      ['api.svc.test A', 'api.test A'],
    );
  });

  it('tells a name that is not there from servers that do not say', async (t) => {
    const { server, host } = await openLab(t);
    await assert.rejects(host('nowhere.test'), isNegative);
    server.host('empty.test');
    await assert.rejects(host('empty.test'), isNegative);
    for (const mood of ['fails', 'silent'] as const) {
      server.mood = mood;
      for (const family of ['ipv4_first', 'both'] as const) await assert.rejects(host('empty.test', family), isFailure);
      await assert.rejects(host('empty.test'), isFailure);
    }
  });
});

describe('finding services', () => {
  it('gives the nodes that the example of the documentation has', async (t) => {
    const { server, service } = await openLab(t);
    server.host('a.blah.service', '1.1.1.1');
    server.host('b.blah.service', '1.1.1.2', '1.1.1.3');
    server.service(
      'srv.blah.service',
      { target: 'a.blah.service', port: 1980, priority: 10, weight: 60 },
      { target: 'b.blah.service', port: 1981, priority: 20, weight: 20 },
    );
    const { answer } = await service('srv.blah.service');
    // As there, with all weights doubled: within a priority only their proportions count.
    assert.deepEqual(
      answer.toSorted((a, b) => (a.address < b.address ? -1 : 1)),
      [
        { address: '1.1.1.1', port: 1980, weight: 120, priority: -10 },
        { address: '1.1.1.2', port: 1981, weight: 20, priority: -20 },
        { address: '1.1.1.3', port: 1981, weight: 20, priority: -20 },
      ],
    );
  });

  it('takes a weight of 0 for 1, and addresses where there are no SRV records', async (t) => {
    const { server, service } = await openLab(t);
    server.host('a.test', '10.0.0.1');
    server.service('srv.test', { target: 'a.test', port: 80, priority: 0, weight: 0 });
    assert.deepEqual((await service('srv.test')).answer, [{ address: '10.0.0.1', port: 80, weight: 1, priority: 0 }]);
    assert.deepEqual((await service('a.test')).answer, [{ address: '10.0.0.1', port: 0, weight: 1, priority: 0 }]);
    await assert.rejects(service('nowhere.test'), isNegative);
  });

  it('leaves out a target without addresses, and says so where none has any', async (t) => {
    const { server, service } = await openLab(t);
    server.host('a.test', '10.0.0.1');
    server.service(
      'half.test',
      { target: 'a.test', port: 80, priority: 0, weight: 1 },
      { target: 'gone.test', port: 80, priority: 0, weight: 1 },
    );
    server.service('none.test', { target: 'gone.test', port: 80, priority: 0, weight: 1 });
    assert.deepEqual(addressesOf(await service('half.test')), ['10.0.0.1']);
    await assert.rejects(service('none.test'), isNegative);
    server.mood = 'fails';
    await assert.rejects(service('half.test'), isFailure);
  });
});
