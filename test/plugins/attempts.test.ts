import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { definePlugin, type AttemptPart, type PluginInstance } from '../../src/sdk/index.ts';
import { openLab, type Lab } from './lab.ts';
import { answering, nodeServer, nodesOf, type NodeServer } from './node-servers.ts';

const schema = { type: 'object', properties: {} } as const;

interface Course {
  readonly lab: Lab;
  readonly nodes: readonly NodeServer[];
  readonly events: string[];
}

/** Two nodes behind a plugin that notes what it hears; the first one gets every first pick. */
async function course(t: TestContext, part: AttemptPart, more: Partial<PluginInstance> = {}): Promise<Course> {
  const events: string[] = [];
  const nodes = [await nodeServer(t), await nodeServer(t)];
  const name = (authority: string): string => `node ${nodes.findIndex((node) => node.authority === authority)}`;
  const watch = definePlugin({
    name: 'watch',
    priority: 1,
    summary: 'notes attempts',
    schema,
    create: () => ({
      attempts: {
        ...part,
        answered: (_, { authority }, status) => void events.push(`${name(authority)} answered ${status}`),
        ended: (_, { authority }, { outcome, status, code }) =>
          void events.push(`${name(authority)} ${outcome} ${status} ${code}`.trim()),
      },
      ...more,
    }),
  });
  const list = nodes.map(({ authority }, index) => {
    const [host, port] = authority.split(':');
    return { host, port: Number(port), weight: 1, priority: -index };
  });
  const route = { uri: '/*', plugins: { watch: {} }, upstream: { nodes: list } };
  const lab = await openLab(t, `routes: [${JSON.stringify(route)}]`, { plugins: [watch] });
  return { lab, nodes, events };
}

it('an attempt that was answered is heard of at its head and at its end', async (t) => {
  const { lab, nodes, events } = await course(t, {});
  nodes[0]!.answer = answering(503);
  assert.equal((await lab.request('/')).status, 503);
  assert.deepEqual(events, ['node 0 answered 503', 'node 0 answered 503']);
});

it('each attempt of a request is heard of, with what failed', async (t) => {
  const { lab, nodes, events } = await course(t, {});
  nodes[0]!.answer = (request) => request.socket.destroy();
  assert.equal((await lab.request('/')).text, nodes[1]!.authority);
  assert.deepEqual(events, ['node 0 failed 0 upstream_reset', 'node 1 answered 200', 'node 1 answered 200']);
});

it('an answer that breaks off has failed after its head', async (t) => {
  const { lab, nodes, events } = await course(t, {});
  nodes[0]!.answer = (request, response) => {
    response.writeHead(200, { 'Content-Length': 10 });
    response.write('half', () => request.socket.destroy());
  };
  await assert.rejects(lab.request('/'));
  assert.deepEqual(events, ['node 0 answered 200', 'node 0 failed 200 upstream_reset']);
});

it('a node that is left out is not picked', async (t) => {
  const { lab, nodes, events } = await course(t, { leavesOut: (_, { authority }) => authority === first() });
  const first = (): string => nodes[0]!.authority;
  assert.equal((await lab.request('/')).text, nodes[1]!.authority);
  assert.deepEqual(events, ['node 1 answered 200', 'node 1 answered 200']);
});

it('a node that is not admitted is given back, and another one is picked', async (t) => {
  const { lab, nodes, events } = await course(t, { admits: (_, { authority }) => authority !== first() });
  const first = (): string => nodes[0]!.authority;
  assert.equal((await lab.request('/')).text, nodes[1]!.authority);
  assert.deepEqual(events, ['node 1 answered 200', 'node 1 answered 200']);
});

it('where no node is left the plugin answers, and without its answer the gateway does', async (t) => {
  const refusing = await course(t, { admits: () => false, noNode: () => ({ status: 503, code: 'all_busy' }) });
  const answer = await refusing.lab.request('/');
  assert.deepEqual([answer.status, answer.headers['x-gatewright-error']], [503, 'all_busy']);
  const silent = await course(t, { leavesOut: () => true });
  const other = await silent.lab.request('/');
  assert.deepEqual([other.status, other.headers['x-gatewright-error']], [503, 'no_node']);
  assert.deepEqual([...refusing.events, ...silent.events], []);
});

it('an attempt that a later phase prevents is abandoned', async (t) => {
  const { lab, events } = await course(t, {}, { beforeProxy: () => ({ status: 418 }) });
  assert.equal((await lab.request('/')).status, 418);
  assert.deepEqual(events, ['node 0 abandoned 0']);
});

it('of two plugins, one that admitted hears the end where the other did not', async (t) => {
  const ended: string[] = [];
  const part = (name: string, priority: number, isAdmitting: boolean) =>
    definePlugin({
      name,
      priority,
      summary: name,
      schema,
      create: () => ({
        attempts: {
          admits: () => isAdmitting,
          ended: (_, _node, { outcome }) => void ended.push(`${name} ${outcome}`),
        },
      }),
    });
  const node = await nodeServer(t);
  const route = { uri: '/*', plugins: { yes: {}, no: {} }, upstream: { nodes: nodesOf([node]) } };
  const lab = await openLab(t, `routes: [${JSON.stringify(route)}]`, {
    plugins: [part('yes', 2, true), part('no', 1, false)],
  });
  assert.equal((await lab.request('/')).status, 503);
  assert.deepEqual(ended, ['yes abandoned']);
});

for (const phase of ['leavesOut', 'admits', 'noNode', 'answered', 'ended'] as const) {
  it(`what ${phase} throws costs nobody else, and never opens the way`, async (t) => {
    const fail = (): never => {
      throw new Error('broken');
    };
    const guarding = phase === 'leavesOut' || phase === 'admits' || phase === 'noNode';
    const part = phase === 'noNode' ? { admits: () => false, noNode: fail } : { [phase]: fail };
    const node = await nodeServer(t);
    const plugin = definePlugin({
      name: 'broken',
      priority: 1,
      summary: 'throws',
      schema,
      create: () => ({ attempts: part }),
    });
    const route = { uri: '/*', plugins: { broken: {} }, upstream: { nodes: nodesOf([node]) } };
    const lab = await openLab(t, `routes: [${JSON.stringify(route)}]`, { plugins: [plugin] });
    assert.equal((await lab.request('/')).status, guarding ? 503 : 200);
    assert.deepEqual(
      lab.faults.splice(0).map(({ plugin: name, phase: at }) => `${name} ${at}`),
      [`broken attempts.${phase}`],
    );
  });
}

it('an instance whose part is no set of functions is refused with the reason', async (t) => {
  const plugin = definePlugin({
    name: 'wrong',
    priority: 1,
    summary: 'is wrong',
    schema,
    create: () => ({ attempts: { admits: true } }) as unknown as PluginInstance,
  });
  await assert.rejects(
    openLab(t, 'routes: [{ uri: /*, plugins: { wrong: {} }, upstream: { nodes: { $UPSTREAM: 1 } } }]', {
      plugins: [plugin],
    }),
    /attempts\.admits is no function/,
  );
});
