import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withAbsolutePlaces } from './listener-settings.ts';
import { readSettings } from './settings.ts';

const found = (value: unknown): string[] => readSettings(value).problems.map(({ path, code }) => `${path} ${code}`);

test('a listener is a port or a path, and says only what belongs to it', () => {
  const cases: readonly [object, boolean][] = [
    [{ port: 1 }, true],
    [{ address: '::1', port: 1 }, true],
    [{ path: '/run/x.sock' }, true],
    [{ path: '/run/x.sock', mode: '0600', uid: 0, gid: 12 }, true],
    [{}, false],
    [{ address: '::1' }, false],
    [{ path: '/run/x.sock', port: 1 }, false],
    [{ path: '/run/x.sock', address: '::1' }, false],
    [{ port: 1, mode: '0600' }, false],
    [{ port: 1, uid: 0 }, false],
    [{ path: '/run/x.sock', mode: '0999' }, false],
    [{ path: '/run/x.sock', mode: 660 }, false],
    [{ path: '/run/x.sock', uid: -1 }, false],
    [{ path: '' }, false],
    [{ path: `/${'x'.repeat(90)}` }, false],
    [{ path: '/run/\0' }, false],
    [{ address: 'localhost', port: 1 }, false],
  ];
  for (const kind of ['http', 'https']) {
    for (const [listener, isSound] of cases) {
      const problems = found({ http: [{ port: 2 }], [kind]: [listener] });
      assert.equal(problems.length === 0, isSound, `${kind} ${JSON.stringify(listener)}: ${problems.join(', ')}`);
      for (const problem of problems) assert.match(problem, new RegExp(`^gateway\\.${kind}\\[0\\]`));
    }
  }
});

test('there is at least one listener, and no two in the same place', () => {
  assert.deepEqual(found({ http: [] }), ['gateway.http missing_attribute']);
  assert.deepEqual(found({ http: [], https: [{ port: 1 }] }), []);
  assert.deepEqual(found({ http: [{ path: '/a' }, { path: '/b' }] }), []);
  assert.deepEqual(found({ http: [{ path: '/a' }], https: [{ path: '/x/../a' }] }), ['gateway.https[0] duplicate']);
  assert.deepEqual(found({ http: [{ port: 1 }], https: [{ port: 1 }] }), ['gateway.https[0] duplicate']);
});

test('a relative path begins where the file lies', () => {
  const { http } = readSettings({ http: [{ path: 'x.sock' }, { path: '/y.sock' }, { port: 1 }] }).settings;
  const places = withAbsolutePlaces(http, '/etc/gatewright').map(({ path, port }) => path ?? port);
  assert.deepEqual(places, ['/etc/gatewright/x.sock', '/y.sock', 1]);
});

test('peers are addresses, blocks and unix:, without a zone', () => {
  const trusted = (block: string): string[] => found({ trusted_addresses: [block] });
  for (const block of ['10.0.0.1', '10.0.0.0/8', '::1', 'fe80::/10', 'unix:']) assert.deepEqual(trusted(block), []);
  for (const block of ['unix', 'unix:/x', '10.0.0.0/33', 'fe80::1%eth0', 'localhost', '']) {
    assert.deepEqual(trusted(block).length, 1, block);
  }
});
