/** The control thread dies or hangs: traffic goes on, another one takes its place, and nothing that was in force is lost. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { freePort } from '../free-port.ts';
import { Admin, ADMIN, Editor, embeddedStore } from './changing.ts';
import { ask } from './client.ts';
import { routeTo, RunningGateway } from './gateway.ts';
import { Load } from './load.ts';
import { NodeProcess } from './node-process.ts';
import { eventually } from './waiting.ts';

/** Its check runs in control alone. While the file that it names is there, it does what stands in it; once, unless it says always. */
const DEADLY = `
import { existsSync, readFileSync, rmSync } from 'node:fs';
export default {
  name: 'deadly', priority: 1, summary: 'Ends or holds up control.',
  schema: { type: 'object', properties: { file: { type: 'string' }, round: { type: 'integer' } } },
  check({ file }) {
    if (!existsSync(file)) return [];
    const [fault, often] = readFileSync(file, 'utf8').split(' ');
    if (often !== 'always') rmSync(file);
    if (fault === 'hang') for (;;);
    setImmediate(() => { throw new Error('nobody catches this'); });
    return [];
  },
  create: () => ({
    access(exchange) {
      if (exchange.request.header('x-fault') === 'exit') process.exit(1);
    },
  }),
};
`;

/** Of a port that nobody else gets while control is away. */
const place = async (): Promise<object> => ({ address: '127.0.0.1', port: await freePort() });

interface Subject {
  readonly gateway: RunningGateway;
  readonly node: NodeProcess;
  readonly editor: Editor;
  /** Arms the plugin. */
  arm(fault: string): void;
  readonly trigger: string;
}

async function start(t: TestContext, settings: object = {}, routes = true): Promise<Subject> {
  const node = await NodeProcess.start();
  t.after(() => node[Symbol.asyncDispose]());
  const gateway = await RunningGateway.start(
    {
      gateway: {
        workers: 2,
        metrics: await place(),
        control: await place(),
        plugin_files: ['deadly.mjs'],
        ...settings,
      },
      ...(routes ? { routes: [routeTo([node.port])] } : {}),
    },
    { files: { 'deadly.mjs': DEADLY } },
  );
  t.after(() => gateway[Symbol.asyncDispose]());
  gateway.expectsFaults = true;
  const trigger = path.join(gateway.folder, 'trigger');
  return { gateway, node, editor: new Editor(gateway), arm: (fault) => writeFileSync(trigger, fault), trigger };
}

/** A change whose check is the plugin's. */
const deadlyRoute = ({ node, trigger }: Subject, round = 0) => ({
  ...routeTo([node.port]),
  id: 'deadly',
  uri: '/deadly/*',
  upstream: { nodes: { [`127.0.0.1:${node.port}`]: 1 } },
  plugins: { deadly: { file: trigger, round } },
});

const restarts = (gateway: RunningGateway): number => gateway.errorLog.split(' control_restarted ').length - 1;

async function restarted(gateway: RunningGateway, times = 1): Promise<void> {
  await eventually(
    () => restarts(gateway) >= times,
    () => `not started again: ${gateway.errorLog}`,
  );
}

const revisions = (gateway: RunningGateway): number[] =>
  [...gateway.errorLog.matchAll(/ serving revision=(\d+) /g)].map(([, revision]) => Number(revision));

const requestsIn = (metrics: string): number => Number(/^apisix_http_requests_total (\d+)$/m.exec(metrics)?.[1]);

/** On a connection of its own: one that was kept would lead to a control that is gone. */
async function pageOf(port: number, page: string): Promise<string> {
  const { status, body } = await ask(port, { path: page });
  assert.equal(status, 200);
  return body.toString();
}

/** What the system knows of the threads with this name: 0 for those that have no lower priority than others. */
function niceOf({ pid }: RunningGateway, thread: string): number[] {
  const ids = readdirSync(`/proc/${pid}/task`);
  const named = ids.filter((id) => readFileSync(`/proc/${pid}/task/${id}/comm`, 'latin1').trim() === thread);
  return named.map((id) => getPriority(Number(id)) - getPriority(process.pid));
}

async function statusOf({ statusPort }: RunningGateway): Promise<Record<string, unknown>> {
  return JSON.parse(await pageOf(statusPort, '/status')) as Record<string, unknown>;
}

describe('control', () => {
  for (const fault of ['die', 'hang']) {
    it(`that ${fault}s under load costs no request, and comes back on its ports with what was in force`, async (t) => {
      const subject = await start(t, { timeouts: { control_stall_ms: 1_500 } });
      const { gateway, editor, arm } = subject;
      await using load = new Load(gateway.port, 16);
      await load.more(300);
      assert.deepEqual([niceOf(gateway, 'control'), niceOf(gateway, 'worker')], [[5], [0, 0]]);
      const before = requestsIn(await gateway.measured(/^apisix_http_requests_total [1-9]/m));
      arm(fault);
      editor.write(({ routes }) => routes.push(deadlyRoute(subject)));
      await restarted(gateway);
      const reason = fault === 'die' ? /control_died cause=died .*nobody catches this/ : /control_stalled stalled_ms=/;
      assert.match(gateway.errorLog, reason);
      await load.more(300);
      await eventually(
        async () => requestsIn(await gateway.metrics()) > before + 300,
        () => 'what was counted before is gone',
      );
      const cause = fault === 'die' ? 'died' : 'stalled';
      const deaths = new RegExp(`^gatewright_control_deaths_total\\{cause="${cause}"\\} 1$`, 'm');
      await gateway.measured(deaths, /^gatewright_workers 2$/m);
      // What it died of is in force now: it was not its fault.
      await eventually(
        () => revisions(gateway).length >= 2,
        () => gateway.errorLog,
      );
      await gateway.measured(/^gatewright_config_problems 0$/m);
      await editor.change(({ routes }) => (routes[0] = { ...routes[0], uri: '/new/*' } as never));
      assert.deepEqual(
        revisions(gateway),
        revisions(gateway).toSorted((one, other) => one - other),
      );
      assert.equal((await ask(gateway.port, { path: '/deadly/x' })).status, 200);
      const { answered, failed } = await load.stop();
      assert.deepEqual(
        [failed, Object.keys(answered).filter((status) => status !== '200' && status !== '404')],
        [[], []],
      );
      assert.deepEqual(await statusOf(gateway), { status: 'ok' });
      assert.equal(await gateway.readiness(), 200);
      assert.deepEqual([niceOf(gateway, 'control'), niceOf(gateway, 'worker')], [[5], [0, 0]]);
      // No worker was replaced for it.
      assert.equal(gateway.errorLog.split(' worker_ready ').length - 1, 2);
    });
  }

  it('takes the store over, and the Admin API is where it was', async (t) => {
    const subject = await start(t, { admin: { ...ADMIN, ...(await place()) }, store: embeddedStore(t) }, false);
    const { gateway, node, arm } = subject;
    const admin = new Admin(gateway);
    const upstream = { nodes: { [`127.0.0.1:${node.port}`]: 1 } };
    await admin.ask('PUT', 'routes/first', { uri: '/first', upstream });
    arm('die');
    // Whether the write came through, its client cannot know.
    await admin.ask('PUT', 'routes/deadly', deadlyRoute(subject)).catch(() => undefined);
    await restarted(gateway);
    assert.equal((await ask(gateway.port, { path: '/first' })).status, 200);
    const isBack = (): Promise<boolean> =>
      admin.ask('PUT', 'routes/second', { uri: '/second', upstream }).then(
        () => true,
        () => false,
      );
    await eventually(isBack, () => gateway.errorLog);
    assert.equal((await ask(gateway.port, { path: '/second' })).status, 200);
    await admin.ask('DELETE', 'routes/first');
    assert.equal((await ask(gateway.port, { path: '/first' })).status, 404);
    assert.equal((await ask(gateway.port, { path: '/second' })).status, 200);
  });

  it('that starts with a broken file goes by what was in force, and says so', async (t) => {
    const subject = await start(t);
    const { gateway, editor, arm } = subject;
    await editor.change(({ routes }) => routes.push(deadlyRoute(subject)));
    arm('die');
    const file = path.join(gateway.folder, 'gatewright.json');
    // A bad route, and another version of the deadly one, which is the last thing that the first control reads.
    editor.write(({ routes }) => {
      routes[0] = { ...routes[0], uri: 7 } as never;
      routes[1] = deadlyRoute(subject, 1);
    });
    await restarted(gateway);
    await eventually(
      async () => (await statusOf(gateway))['change'] === 'in_force',
      () => gateway.errorLog,
    );
    assert.equal((await ask(gateway.port, { path: '/last-good' })).status, 200);
    arm('die always');
    writeFileSync(file, '{ "routes": ');
    assert.ok(existsSync(subject.trigger));
    gateway.signal('SIGHUP');
    await eventually(
      async () => (await statusOf(gateway))['change'] === 'refused',
      () => gateway.errorLog,
    );
    assert.equal((await ask(gateway.port, { path: '/last-good' })).status, 200);
  });

  it('that keeps dying of what it reads holds what is in force, says so, and reads again when it is told to', async (t) => {
    const subject = await start(t);
    const { gateway, editor, arm } = subject;
    await using load = new Load(gateway.port, 8);
    await load.more(100);
    arm('die always');
    editor.write(({ routes }) => routes.push(deadlyRoute(subject)));
    await gateway.logged(/ control_holds deaths=3 /);
    await eventually(
      () => / control_restarted reads=nothing/.test(gateway.errorLog),
      () => gateway.errorLog,
    );
    assert.deepEqual(await statusOf(gateway), { status: 'degraded', control: 'holds' });
    assert.equal(await gateway.readiness(), 200);
    await gateway.measured(/^gatewright_control_holds 1$/m, /^gatewright_control_deaths_total\{cause="died"\} 3$/m);
    await load.more(100);
    const { answered, failed } = await load.stop();
    assert.deepEqual([failed, Object.keys(answered)], [[], ['200']]);
    editor.write(({ routes }) => routes.pop());
    await gateway.logged(/ control_restarted reads=nothing[^]* control_restarted reads=everything/);
    await gateway.measured(/^gatewright_control_holds 0$/m);
    assert.deepEqual(await statusOf(gateway), { status: 'ok' });
    await editor.change(({ routes }) => (routes[0] = { ...routes[0], uri: '/other/*' } as never));
    assert.equal((await ask(gateway.port, { path: '/other/x' })).status, 200);
  });

  it('that holds feeds workers that begin', async (t) => {
    const subject = await start(t);
    const { gateway, editor, arm } = subject;
    await editor.change(({ routes }) => routes.push(deadlyRoute(subject)));
    arm('die always');
    editor.write(({ routes }) => (routes[1] = deadlyRoute(subject, 1)));
    await eventually(
      () => / control_restarted reads=nothing/.test(gateway.errorLog),
      () => gateway.errorLog,
    );
    const before = gateway.errorLog.split(' worker_ready ').length;
    for (let death = 1; death <= 2; death++) {
      await assert.rejects(ask(gateway.port, { path: '/deadly/x', headers: { 'x-fault': 'exit' } }));
      await eventually(
        () => gateway.errorLog.split(' worker_ready ').length === before + death,
        () => gateway.errorLog,
      );
    }
    for (const path of ['/', '/deadly/x']) assert.equal((await ask(gateway.port, { path })).status, 200);
  });

  it('that is away at a stop keeps nobody waiting', async (t) => {
    const subject = await start(t);
    const { gateway, editor, arm } = subject;
    arm('die always');
    editor.write(({ routes }) => routes.push(deadlyRoute(subject)));
    await gateway.logged(/ control_died /);
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  });
});
