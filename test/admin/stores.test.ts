/** The Admin API over stores that keep objects in a file, that refuse, and that others write to at the same moment. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MemoryStore } from '../../src/store/memory.ts';
import { StoreError, type StoreErrorCode } from '../../src/store/store-error.ts';
import type { Change, WriteOptions, WriteResult } from '../../src/store/store.ts';
import type { VirtualParts } from '../../src/store/virtual-parts.ts';
import { embeddedStore, startLab, VIEWER_KEY } from './lab.ts';

const ROUTE = { uri: '/a', upstream: { nodes: { 'a:1': 1 } } };

test('over the embedded store objects are written, read, changed, listed and removed alike', async (t) => {
  const lab = await startLab(t, { makeStore: embeddedStore(t) });
  assert.equal((await lab.ask('/routes/1', { method: 'PUT', body: ROUTE })).status, 201);
  assert.equal((await lab.ask('/routes/1', { method: 'PATCH', body: { desc: 'x' } })).status, 200);
  const { body } = await lab.ask('/routes/1');
  const { key, value, createdIndex, modifiedIndex } = body as Record<string, unknown>;
  assert.deepEqual([key, (value as { desc: string }).desc], ['/apisix/routes/1', 'x']);
  assert.ok(Number(modifiedIndex) > Number(createdIndex));
  const plugins = { 'key-auth': { key: 'hunter2-hunter2' } };
  await lab.put('/consumers', { username: 'jack', plugins });
  assert.ok((await lab.ask('/consumers/jack')).text.includes('hunter2'), 'an admin sees it in clear');
  assert.ok(!(await lab.ask('/consumers/jack', { key: VIEWER_KEY })).text.includes('hunter2'));
  assert.equal((await lab.ask('/consumers', { method: 'PUT', body: { username: 'jill', plugins } })).status, 400);
  const whole = { routes: [{ id: 'r', ...ROUTE }] };
  assert.equal((await lab.ask('/configs', { method: 'PUT', body: whole })).status, 202);
  assert.deepEqual(((await lab.ask('/routes')).body as { total: number }).total, 1);
  assert.equal((await lab.ask('/routes/r', { method: 'DELETE' })).status, 200);
  await lab.put('/routes/brief?ttl=1', ROUTE);
  lab.parts.pass(2000);
  assert.equal((await lab.ask('/routes/brief')).status, 404);
});

/** Refuses writes while it is told to. */
class RefusingStore extends MemoryStore {
  refusals: StoreError[] = [];
  onRefusal: () => Promise<unknown> = async () => undefined;
  writes = 0;

  override async write(changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    this.writes++;
    const refusal = this.refusals.shift();
    if (refusal === undefined) return super.write(changes, options);
    await this.onRefusal();
    throw refusal;
  }

  /** As another machine writes. */
  add(change: Change): Promise<WriteResult> {
    return super.write([change]);
  }
}

async function start(t: TestContext) {
  let store: RefusingStore | undefined;
  const lab = await startLab(t, { makeStore: (parts: VirtualParts) => (store = new RefusingStore(parts)) });
  assert.ok(store !== undefined);
  return { lab, store };
}

test('a store that refuses is passed on with its reason, and reading goes on', async (t) => {
  const { lab, store } = await start(t);
  await lab.put('/routes/1', ROUTE);
  const cases: readonly (readonly [code: StoreErrorCode, status: number])[] = [
    ['full', 507],
    ['read_only', 403],
    ['unavailable', 503],
    ['too_large', 413],
    ['invalid', 400],
    ['not_found', 404],
    ['closed', 503],
  ];
  for (const [code, status] of cases) {
    store.refusals = [new StoreError(code, `the reason for ${code}`)];
    const answer = await lab.ask('/routes/2', { method: 'PUT', body: ROUTE });
    assert.deepEqual([answer.status, answer.body], [status, { error_msg: `the reason for ${code}` }]);
    assert.equal((await lab.ask('/routes/1')).status, 200);
    assert.equal((await lab.ask('/routes/2')).status, 404);
  }
  store.refusals = [new StoreError('unavailable', 'no answer', { isOutcomeUnknown: true })];
  const { body } = await lab.ask('/routes/2', { method: 'PUT', body: ROUTE });
  assert.match(
    (body as { error_msg: string }).error_msg,
    /^no answer; the change may have been carried out all the same/,
  );
  assert.equal(lab.audit.length, 1, 'only what happened is recorded');
});

test('a change that someone else was faster than is decided anew on what is there then', async (t) => {
  const { lab, store } = await start(t);
  await lab.put('/upstreams/1', { nodes: { 'a:1': 1 } });
  store.refusals = [new StoreError('conflict', 'objects were changed')];
  store.onRefusal = () => store.add({ op: 'put', kind: 'upstreams', id: '1', value: { nodes: { 'c:3': 3 } } });
  assert.equal((await lab.ask('/upstreams/1', { method: 'PATCH', body: { nodes: { 'b:2': 2 } } })).status, 200);
  const { body } = await lab.ask('/upstreams/1');
  assert.deepEqual((body as { value: { nodes: object } }).value.nodes, { 'b:2': 2, 'c:3': 3 });
});

test('a conflict that does not end is answered with 409', async (t) => {
  const { lab, store } = await start(t);
  await lab.put('/upstreams/1', { nodes: { 'a:1': 1 } });
  store.writes = 0;
  // The store moves on each time, and each time the change comes too late.
  store.onRefusal = () => store.add({ op: 'put', kind: 'protos', id: 'x', value: { content: String(store.writes) } });
  store.refusals = Array.from({ length: 100 }, () => new StoreError('conflict', 'objects were changed'));
  const { status, body } = await lab.ask('/upstreams/1', { method: 'PATCH', body: { desc: 'x' } });
  assert.deepEqual([status, body], [409, { error_msg: 'objects were changed' }]);
  assert.equal(store.writes, 5);
});
