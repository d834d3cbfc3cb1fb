/** A gateway that serves, though not by all that is written: it says so until that is repaired. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, after, describe, it } from 'node:test';
import { Admin, ADMIN, Editor, embeddedStore } from './changing.ts';
import { RunningGateway, routeTo } from './gateway.ts';
import { eventually } from './waiting.ts';

const upstream = http.createServer((request, response) => response.end(request.url));
let port = 0;
before(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  ({ port } = upstream.address() as AddressInfo);
});
after(() => {
  upstream.closeAllConnections();
  upstream.close();
});

interface Status {
  readonly status: string;
  readonly problems?: number;
  readonly change?: string;
  readonly objects?: readonly { readonly kind?: string; readonly id?: string; readonly path: string }[];
}

async function pageOf(gateway: RunningGateway, page: string): Promise<Status> {
  const response = await fetch(`http://127.0.0.1:${gateway.statusPort}${page}`);
  assert.equal(response.status, 200);
  return (await response.json()) as Status;
}

/** Of both pages, which say the same while nothing changes. */
async function statusOf(gateway: RunningGateway): Promise<Status> {
  const status = await pageOf(gateway, '/status');
  assert.deepEqual(await pageOf(gateway, '/status/ready'), status);
  return status;
}

/** Resolves when it does: the change that made it so is over then. */
async function becomes(gateway: RunningGateway, status: string): Promise<Status> {
  await eventually(
    async () => (await pageOf(gateway, '/status')).status === status,
    () => `never ${status}: ${gateway.errorLog}`,
  );
  return statusOf(gateway);
}

const codeOf = async (gateway: RunningGateway, path: string): Promise<number> => {
  const response = await fetch(gateway.origin + path);
  await response.arrayBuffer();
  return response.status;
};

interface Route {
  id: string;
  uri: string;
  upstream: object;
}

/** The attribute of the bad route stands for a secret that was put in the wrong place. */
const SECRET = 'hunter2hunter2';
const bad = (id: string, uri: string): Route => Object.assign(one(id, uri), { retries: SECRET });
const one = (id: string, uri: string): Route => ({ ...(routeTo([port]) as Route), id, uri });

describe('a degraded gateway', () => {
  it('names the objects that last good versions and refusals stand for, and heals when they are repaired', async () => {
    await using gateway = await RunningGateway.start({ routes: [one('kept', '/kept')] });
    gateway.expectsFaults = true;
    const editor = new Editor(gateway);
    assert.deepEqual(await statusOf(gateway), { status: 'ok' });
    editor.write((document) => (document.routes = [bad('kept', '/kept'), bad('new', '/new'), one('good', '/good')]));
    const { problems, change, objects } = await becomes(gateway, 'degraded');
    assert.deepEqual([problems, change], [2, 'in_force']);
    assert.deepEqual(
      objects?.map(({ kind, id, path }) => [kind, id, path]),
      [
        ['routes', 'kept', 'routes[0].retries'],
        ['routes', 'new', 'routes[1].retries'],
      ],
    );
    assert.ok(!JSON.stringify(await statusOf(gateway)).includes(SECRET));
    const codes = await Promise.all(['/kept', '/new', '/good'].map((path) => codeOf(gateway, path)));
    assert.deepEqual(codes, [200, 503, 200]);
    editor.write((document) => (document.routes = [one('kept', '/kept'), one('new', '/new')]));
    assert.deepEqual(await becomes(gateway, 'ok'), { status: 'ok' });
    assert.equal(await codeOf(gateway, '/new'), 200);
    await gateway.logged(/ info +configuration_healed source=file revision=/);
  });

  it('says that a change was refused that would have blurred what a route matches', async () => {
    await using gateway = await RunningGateway.start({ routes: [one('kept', '/kept')] });
    gateway.expectsFaults = true;
    const editor = new Editor(gateway);
    editor.write((document) => document.routes.push(one('blurred', 'no path'), one('good', '/good')));
    const { change, objects } = await becomes(gateway, 'degraded');
    assert.deepEqual([change, objects?.map(({ id }) => id)], ['refused', ['blurred']]);
    assert.deepEqual([await codeOf(gateway, '/kept'), await codeOf(gateway, '/good')], [200, 404]);
  });

  it('names objects of a store too, and a file that is read meanwhile does not hide them', async (t) => {
    await using gateway = await RunningGateway.start({ gateway: { store: embeddedStore(t), admin: ADMIN } });
    gateway.expectsFaults = true;
    const admin = new Admin(gateway);
    const nodes = { [`127.0.0.1:${port}`]: 1 };
    await admin.ask('PUT', 'upstreams/u', { nodes });
    await admin.ask('PUT', 'routes/r', { uri: '/r', upstream_id: 'u' });
    assert.equal(await codeOf(gateway, '/r'), 200);
    await admin.ask('DELETE', 'upstreams/u', undefined, '&force=true');
    const { objects } = await becomes(gateway, 'degraded');
    assert.deepEqual(
      objects?.map(({ kind, id }) => [kind, id]),
      [['routes', 'r']],
    );
    assert.equal(await codeOf(gateway, '/r'), 502);
    await new Editor(gateway).reload((document) => (document.gateway['server_header'] = 'Another'));
    assert.equal((await statusOf(gateway)).status, 'degraded');
    await admin.ask('PUT', 'upstreams/u', { nodes });
    assert.deepEqual(await becomes(gateway, 'ok'), { status: 'ok' });
    assert.equal(await codeOf(gateway, '/r'), 200);
  });
});

describe('gatewright run --strict', () => {
  it('refuses a change of the file with any problem as a whole', async () => {
    await using gateway = await RunningGateway.start({ routes: [one('kept', '/kept')] }, { args: ['--strict'] });
    gateway.expectsFaults = true;
    const editor = new Editor(gateway);
    editor.write((document) => document.routes.push(bad('new', '/new'), one('good', '/good')));
    const { change, objects } = await becomes(gateway, 'degraded');
    assert.deepEqual([change, objects?.map(({ id }) => id)], ['refused', ['new']]);
    await gateway.logged(/configuration_refused revision=\d+ problems=1 reason="--strict allows no problem/);
    const paths = ['/kept', '/new', '/good'];
    assert.deepEqual(await Promise.all(paths.map((path) => codeOf(gateway, path))), [200, 404, 404]);
    // What is wrong elsewhere in the file counts as well.
    editor.write((document) => {
      document.routes = [one('kept', '/kept'), one('good', '/good')];
      document.gateway['workers'] = 'many';
    });
    await gateway.logged(/configuration_problem problem="[^"]*gateway\.workers/);
    assert.equal((await becomes(gateway, 'degraded')).change, 'refused');
    assert.equal(await codeOf(gateway, '/good'), 404);
    editor.write((document) => delete document.gateway['workers']);
    await becomes(gateway, 'ok');
    assert.deepEqual(await Promise.all(paths.map((path) => codeOf(gateway, path))), [200, 404, 200]);
  });

  it('refuses a state of a store with any problem as a whole', async (t) => {
    const configured = { store: embeddedStore(t), admin: ADMIN };
    await using gateway = await RunningGateway.start({ gateway: configured }, { args: ['--strict'] });
    gateway.expectsFaults = true;
    const admin = new Admin(gateway);
    const nodes = { [`127.0.0.1:${port}`]: 1 };
    await admin.ask('PUT', 'upstreams/u', { nodes });
    await admin.ask('PUT', 'routes/r', { uri: '/r', upstream_id: 'u' });
    await admin.ask('DELETE', 'upstreams/u', undefined, '&force=true');
    assert.equal((await becomes(gateway, 'degraded')).change, 'refused');
    assert.equal(await codeOf(gateway, '/r'), 200);
    await admin.ask('PUT', 'routes/r', { uri: '/r', upstream: { nodes } });
    await becomes(gateway, 'ok');
    assert.equal(await codeOf(gateway, '/r'), 200);
  });
});
