import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith, type Ask } from '../../../test/plugins/lab.ts';

const limited = (max_body_size?: number): string =>
  routeWith({ 'client-control': max_body_size === undefined ? {} : { max_body_size } });
const post = (body: NonNullable<Ask['body']>): Ask => ({ method: 'POST', body });

it('the documented example: three bytes where one is allowed are 413', async (t) => {
  const lab = await openLab(t, limited(1));
  const refused = await lab.request('/index.html', post('123'));
  assert.deepEqual([refused.status, refused.headers['x-gatewright-error']], [413, 'body_too_large']);
  assert.equal(lab.seen.length, 0);
  assert.equal((await lab.request('/index.html', post('1'))).status, 200);
  assert.equal((await lab.request('/index.html')).status, 200);
});

it('a body in chunks is refused where it becomes too long, and one within the bound passes whole', async (t) => {
  const lab = await openLab(t, limited(10));
  const refused = await lab.request('/', post(['12345', '67890', 'x']));
  assert.deepEqual([refused.status, refused.headers['x-gatewright-error']], [413, 'body_too_large']);
  assert.equal((await lab.request('/', post(['12345', '67890']))).status, 200);
  assert.equal(lab.lastSeen.body, '1234567890');
});

it('an endless body is refused at its bound', async (t) => {
  const lab = await openLab(t, limited(100_000));
  const refused = await lab.request('/', post(Array.from({ length: 40 }, () => 'x'.repeat(10_000)))).catch(() => null);
  // The client may still be writing when the answer comes and the connection ends.
  if (refused !== null) assert.equal(refused.status, 413);
  while (lab.log.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.equal(lab.log[0]?.errorCode, 'body_too_large');
  assert.equal((await lab.request('/', post('fine'))).status, 200);
});

it('0 and nothing are no bound', async (t) => {
  for (const bound of [0, undefined]) {
    const lab = await openLab(t, limited(bound));
    assert.equal((await lab.request('/', post('x'.repeat(100_000)))).status, 200);
  }
});

it('a negative or fractional bound is refused', () => {
  assert.match(problemsOf(limited(-1)).join(), /max_body_size: -1 is less than/);
  assert.match(problemsOf(limited(1.5)).join(), /max_body_size/);
});

it('a node that was picked for a body that is refused at once is given back', async (t) => {
  const lab = await openLab(
    t,
    routeWith(
      { 'client-control': { max_body_size: 3 }, bulkhead: { max_connections: 1 } },
      { upstream: { type: 'least_conn', nodes: { $UPSTREAM: 1 } } },
    ),
  );
  for (let i = 0; i < 3; i++) {
    const answer = await lab.raw(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\n12345\r\n0\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 413 /);
  }
  assert.equal((await lab.request('/', post('123'))).status, 200, 'the one connection is free');
});
