import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/e2e/waiting.ts';
import { changeOfChecked } from '../compile/checked.ts';
import { inertHost } from '../compile/inert-host.ts';
import { Instances } from '../compile/instances.ts';
import { checkedPluginRegistry, pluginRegistry } from '../compile/plugin-registry.ts';
import { EMPTY_SNAPSHOT } from '../compile/compile.ts';
import { restore } from '../compile/restore.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { definePlugin } from '../sdk/plugin.ts';
import { Follower } from './follower.ts';
import { differenceOf } from './changed-objects.ts';
import { HandOver, type Change, type Outcome } from './hand-over.ts';
import type { ChangedObject, FromFollower, Port, ToFollower } from './messages.ts';

/** Two ends that are connected within one thread; what is posted arrives in a later turn, as between threads. */
function connection(): {
  here: Port<FromFollower, ToFollower>;
  there: Port<ToFollower, FromFollower>;
  cut: () => void;
} {
  const closed: (() => void)[] = [];
  const half = <In, Out>(): [Port<In, Out>, (message: In) => void, { deliver: (message: Out) => void }] => {
    const far = { deliver: (_message: Out): void => undefined };
    let receiver: (message: In) => void = () => undefined;
    const port: Port<In, Out> = {
      post: (message) => setImmediate(() => far.deliver(message)),
      receive: (onMessage) => (receiver = onMessage),
      onClose: (callback) => void closed.push(callback),
      close: () => undefined,
    };
    return [port, (message) => receiver(message), far];
  };
  const [here, toHere, fromHere] = half<FromFollower, ToFollower>();
  const [there, toThere, fromThere] = half<ToFollower, FromFollower>();
  fromHere.deliver = toThere;
  fromThere.deliver = toHere;
  return { here, there, cut: () => closed.forEach((callback) => callback()) };
}

/** Cannot be made where a test says so. */
function fragile(isBroken: () => boolean) {
  return definePlugin({
    name: 'fragile',
    priority: 1,
    summary: 'Breaks in one worker.',
    schema: { type: 'object', properties: {} },
    create() {
      if (isBroken()) throw new Error('not in this worker');
      return {};
    },
  });
}

interface Worker {
  snapshots: Snapshot[];
  readonly instances: Instances;
  readonly follower: Follower;
  cut(): void;
}

const MATCHING = { mode: 'radixtree_host_uri', mergeSlashes: true } as const;

function followers(handOver: HandOver, count: number, isBroken: (worker: number) => boolean = () => false) {
  const joined: Promise<Outcome>[] = [];
  const all = Array.from({ length: count }, (_, worker): Worker => {
    const { here, there, cut } = connection();
    const snapshots: Snapshot[] = [];
    const instances = new Instances(inertHost);
    const follower = new Follower({
      matching: MATCHING,
      pluginsWithout: (disabled) => checkedPluginRegistry([...ALL_PLUGINS, fragile(() => isBroken(worker))], disabled),
      instances,
      now_ms: () => performance.now(),
      swap: (snapshot) => void snapshots.push(snapshot),
    });
    follower.connect(there);
    joined.push(handOver.join(worker, here));
    return { snapshots, instances, follower, cut };
  });
  return { all, joined: Promise.all(joined) };
}

function route(id: number, more: object = {}): ChangedObject {
  const value = {
    id: `r${id}`,
    uri: `/service${id % 100}/r${id}/*`,
    upstream: { nodes: { '127.0.0.1:80': 1 } },
    ...more,
  };
  return { key: `routes/r${id}`, text: JSON.stringify({ good: value }) };
}

const revisions = ({ snapshots }: Worker): number[] => snapshots.map(({ revision }) => revision);
const routesIn = ({ snapshots }: Worker): number => snapshots.at(-1)?.memory?.routes.size ?? 0;

test('a change is in force everywhere or nowhere, and who comes later gets all of it', async () => {
  let broken = -1;
  const objects = new Map(Array.from({ length: 450 }, (_, i) => [`routes/r${i}`, route(i)]));
  let revision = 1;
  const handOver = new HandOver(() => ({ revision, objects: [...objects.values()], disabled: [] }));
  const first = followers(handOver, 3, (worker) => worker === broken);
  assert.deepEqual(await first.joined, [{ isInForce: true }, { isInForce: true }, { isInForce: true }]);
  assert.deepEqual(first.all.map(routesIn), [450, 450, 450]);
  const change = (changed: ChangedObject): Promise<Outcome> =>
    handOver.apply({ revision: revision + 1, objects: [changed], disabled: [] });
  broken = 1;
  const refused = await change(route(1000, { plugins: { fragile: {} } }));
  assert.match(refused.isInForce ? '' : refused.reason, /fragile.*not in this worker/);
  assert.deepEqual(first.all.map(revisions), [[1], [1], [1]]);
  // The instances that two of them had made are gone; the third one's was never there.
  const sizes = (): string => first.all.map(({ instances }) => instances.size).join();
  await eventually(() => sizes() === '0,0,0', sizes);
  broken = -1;
  assert.deepEqual(await change({ key: 'routes/r7', text: null }), { isInForce: true });
  revision = 2;
  objects.delete('routes/r7');
  assert.deepEqual(first.all.map(routesIn), [449, 449, 449]);
  // One dies in the middle of a change: it is not waited for.
  const [dead] = first.all;
  const last = change(route(2000));
  dead?.cut();
  assert.deepEqual(await last, { isInForce: true });
  assert.deepEqual(first.all.slice(1).map(routesIn), [450, 450]);
  const later = followers(handOver, 1);
  await later.joined;
  assert.deepEqual(later.all.map(routesIn), [449]);
});

/** A control that takes another one's place: it has nothing, and finds out. */
function successor(workers: readonly Worker[]) {
  let snapshot = EMPTY_SNAPSHOT;
  const whole = (): Change => ({
    revision: snapshot.revision,
    objects: differenceOf(EMPTY_SNAPSHOT, snapshot),
    disabled: [],
  });
  const handOver = new HandOver(whole, true);
  const joined = workers.map(({ follower }, thread) => {
    const { here, there } = connection();
    follower.connect(there);
    return handOver.join(thread, here);
  });
  const recovered = handOver.recover(
    (inForce) => {
      if (inForce === null) return;
      const { revision, objects } = inForce;
      snapshot = restore(objects, { revision, matching: MATCHING, plugins: pluginRegistry(ALL_PLUGINS) });
    },
    () => new Promise(() => undefined),
  );
  return { handOver, joined, whole, recovered };
}

test('another control learns from the workers what is in force, and gives those that are behind all of it, the others nothing', async () => {
  const objects = Array.from({ length: 450 }, (_, i) => route(i, i % 2 === 0 ? {} : { plugins: { cors: {} } }));
  objects.push({ key: 'routes/bad', text: JSON.stringify({ bad: { uri: '/bad' } }) });
  const first = new HandOver(() => ({ revision: 1, objects, disabled: [] }));
  const { all, joined } = followers(first, 3);
  await joined;
  await first.apply({ revision: 2, objects: [route(500)], disabled: [] });
  // It is gone in mid-change: one worker has swapped, one has prepared, one knows nothing of it.
  const [ahead, prepared, behind] = all as [Worker, Worker, Worker];
  for (const [thread, worker] of [ahead, prepared].entries()) {
    const { here, there } = connection();
    worker.follower.connect(there);
    here.receive((message) => {
      if (message.type === 'at') here.post({ type: 'objects', text: JSON.stringify([['routes/r7', null]]) });
      if (message.type === 'more') here.post({ type: 'prepare', revision: 3, disabled: [], isWhole: false });
      if (message.type === 'prepared' && thread === 0) here.post({ type: 'swap', revision: 3 });
    });
    here.post({ type: 'greet' });
  }
  while (ahead.snapshots.length < 3) await new Promise(setImmediate);
  const second = successor(all);
  await second.recovered;
  assert.equal(second.whole().revision, 3);
  assert.equal(second.whole().objects.length, 451);
  assert.deepEqual(
    (await Promise.all(second.joined)).map(({ isInForce }) => isInForce),
    [true, true, true],
  );
  assert.deepEqual(all.map(revisions), [
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
  ]);
  assert.deepEqual(all.map(routesIn), [451, 451, 451]);
  assert.equal(behind.snapshots.at(-1)?.memory?.readings.routes.get('bad')?.good, null);
  assert.deepEqual(await second.handOver.apply({ revision: 4, objects: [route(7)], disabled: [] }), {
    isInForce: true,
  });
  assert.deepEqual(all.map(routesIn), [452, 452, 452]);
});

test('another control does not wait for a worker that hangs, and begins with nothing where nothing is in force', async () => {
  const first = new HandOver(() => ({ revision: 7, objects: [route(1)], disabled: [] }));
  const { all, joined } = followers(first, 1);
  await joined;
  let isDue: () => void = () => undefined;
  const due = new Promise<void>((resolve) => (isDue = resolve));
  const second = new HandOver(() => ({ revision: 7, objects: [], disabled: [] }), true);
  const { here: silent } = connection();
  void second.join(0, silent);
  const { here, there } = connection();
  all[0]?.follower.connect(there);
  void second.join(1, here);
  const found: unknown[] = [];
  const recovering = second.recover(
    (inForce) => void found.push(inForce?.revision, inForce?.objects.length),
    () => due,
  );
  isDue();
  await recovering;
  assert.deepEqual(found, [7, 1]);
  const third = successor([]);
  await third.recovered;
  assert.deepEqual(third.whole(), { revision: 0, objects: [], disabled: [] });
});

test('a plugin that is disabled is refused by its routes alone, until it is enabled again', async () => {
  const handOver = new HandOver(() => ({
    revision: 1,
    objects: [route(1, { plugins: { cors: {} } }), route(2)],
    disabled: [],
  }));
  const { all, joined } = followers(handOver, 1);
  await joined;
  const answers = (): unknown[] =>
    ['r1', 'r2'].map((id) => {
      const [use] = all[0]?.snapshots.at(-1)?.memory?.routes.get(id)?.entry.value.plugins?.enabled ?? [];
      const exchange = { id: 'x', request: { header: () => undefined } };
      return use?.plugin === 'cors' && use.step.instance.access?.(exchange as never);
    });
  await handOver.apply({ revision: 1, objects: [], disabled: ['cors'] });
  assert.deepEqual(
    answers().map((answer) => (answer as { status?: number }).status),
    [503, undefined],
  );
  await handOver.apply({ revision: 1, objects: [], disabled: [] });
  assert.deepEqual(
    answers().map((answer) => (answer as { status?: number } | undefined)?.status),
    [undefined, undefined],
  );
});

test('a change among 10,000 routes keeps a worker from its other work for milliseconds only', async (t) => {
  const objects = Array.from({ length: 10_000 }, (_, i) => route(i));
  const handOver = new HandOver(() => ({ revision: 1, objects, disabled: [] }));
  const { all, joined } = followers(handOver, 1);
  await joined;
  // The thread's own time: how long others keep the machine busy is not the question.
  let longest_us = 0;
  let isOver = false;
  let before = process.threadCpuUsage();
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(before);
    longest_us = Math.max(longest_us, user + system);
    before = process.threadCpuUsage();
    if (!isOver) setImmediate(turn);
  };
  turn();
  const spent = process.threadCpuUsage();
  for (let i = 0; i < 200; i++) {
    const outcome = await handOver.apply({ revision: i + 2, objects: [route(i, { uri: `/new${i}` })], disabled: [] });
    assert.deepEqual(outcome, { isInForce: true });
  }
  const each_ms = process.threadCpuUsage(spent).user / 200 / 1000;
  isOver = true;
  t.diagnostic(`longest turn ${(longest_us / 1000).toFixed(1)} ms, ${each_ms.toFixed(2)} ms a change, in CPU time`);
  assert.equal(routesIn(all[0] as Worker), 10_000);
  // A few milliseconds with a collection of garbage among them; all of it in one turn takes seconds.
  assert.ok(longest_us < 100_000, `${longest_us} µs in one turn`);
  assert.ok(each_ms < 10, `${each_ms} ms a change: it should cost what it changes`);
});

test('a list of checked objects says what came, what went and what is bad', () => {
  const change = changeOfChecked([
    { key: 'routes/a', value: { good: { uri: '/a' } } },
    { key: 'credentials/jack/credentials/one', value: null },
    { key: 'routes/b', value: { bad: { uri: '/b' } } },
  ]);
  assert.deepEqual(change.removed, [['credentials', 'jack/credentials/one']]);
  assert.deepEqual(
    change.changed.map(([kind, { id, isChecked, problem }]) => [kind, id, isChecked, problem !== undefined]),
    [
      ['routes', 'a', true, false],
      ['routes', 'b', true, true],
    ],
  );
});
