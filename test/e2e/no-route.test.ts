/** What a gateway that runs says of requests that no route serves, and what it does not. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

it('the error log and the access log name the route that came near, for a bounded number of requests', async () => {
  const upstream = { nodes: { '127.0.0.1:1': 1 } };
  const routes = [{ id: 'users', uri: '/users/*', methods: ['GET'], vars: [['arg_key', '==', 'hidden']], upstream }];
  const access_log = { path: 'access.log', format: '$status $replied_by $near_routes' };
  await using gateway = await RunningGateway.start({ gateway: { workers: 1, access_log }, routes });
  const ask = async (path: string, method = 'GET'): Promise<number> => {
    const { status, body } = await fetch(gateway.origin + path, { method });
    await body?.cancel();
    return status;
  };
  assert.equal(await ask('/users/7', 'DELETE'), 404);
  assert.equal(await ask('/users/7?key=wrong'), 404);
  assert.equal(await ask('/nothing-like-it'), 404);
  const lines = (): string[] => gateway.errorLog.split('\n').filter((line) => line.includes('route_not_found'));
  await eventually(
    () => lines().length === 2,
    () => gateway.errorLog,
  );
  assert.match(
    lines()[0] ?? '',
    / info {2}route_not_found method=DELETE host=127\.0\.0\.1 path=\/users\/7 near="users: /,
  );
  assert.match(lines()[0] ?? '', /near="users: method DELETE is not GET" exchange=[0-9a-f]{24}$/);
  assert.match(lines()[1] ?? '', /near="users: the condition on arg_key \(==\) does not hold"/);
  assert.doesNotMatch(gateway.errorLog, /hidden|nothing-like-it/);

  const flood = 200;
  const begun_ms = performance.now();
  await Promise.all(Array.from({ length: flood }, () => ask('/users/7', 'DELETE')));
  const ended_ms = performance.now();
  await gateway.stop();
  // Twenty at once, and ten each second: what took long has more of them.
  const most = 20 + ((ended_ms - begun_ms) / 1_000) * 10;
  assert.ok(lines().length <= Math.min(most, flood - 1), `${lines().length} lines`);
  const logged = gateway.lines('access.log');
  assert.equal(logged.length, flood + 3);
  assert.equal(logged[0], '404 - users: method DELETE is not GET');
  assert.equal(logged[2], '404 - -');
});
