import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from '../config/settings.ts';
import { hasUnknownPort, plansOf, portsIn, shareOf, withPorts } from './listener-plan.ts';

function plans(http: readonly object[], https: readonly object[] = []) {
  const { settings, problems } = readSettings({ http, https });
  assert.deepEqual(problems, []);
  return plansOf(settings);
}

test('a listener keeps its key while other things of it change, and moves in the list', () => {
  const [first, second] = plans([{ port: 1 }, { path: '/x', mode: '0600' }]);
  const [moved, changed] = plans([
    { path: '/x', mode: '0666' },
    { port: 1, http2: true },
  ]);
  assert.deepEqual([first?.key, second?.key], [changed?.key, moved?.key]);
  assert.deepEqual(second?.place, { path: '/x', mode: 0o600, uid: null, gid: null });
  assert.deepEqual([first?.protocol, changed?.protocol], ['http1', 'either']);
});

test('a listener on a free port keeps the port that was found for it', () => {
  const before = plans([{ port: 0 }, { port: 0 }], [{ port: 0 }]);
  assert.equal(new Set(before.map(({ key }) => key)).size, 3);
  assert.ok(hasUnknownPort(before));
  const known = withPorts(
    before,
    before.map(({ key }, i) => [key, 1000 + i] as const),
  );
  assert.ok(!hasUnknownPort(known));
  const after = withPorts(plans([{ port: 0 }, { port: 7 }, { port: 0 }], [{ port: 0 }, { port: 0 }]), portsIn(known));
  assert.deepEqual(
    after.map(({ place }) => ('port' in place ? place.port : place.path)),
    [1000, 7, 1001, 1002, 0],
  );
});

test('workers share ports, and each UNIX domain socket has one of them', () => {
  const all = plans([{ path: '/a' }, { port: 1 }, { path: '/b' }], [{ path: '/c' }]);
  const shares = [0, 1].map((slot) => shareOf(all, slot, 2).map(({ key }) => key));
  assert.deepEqual(shares, [
    ['unix /a', '0.0.0.0 1', 'unix /c'],
    ['0.0.0.0 1', 'unix /b'],
  ]);
  assert.deepEqual(shareOf(all, 0, 1), all);
});
