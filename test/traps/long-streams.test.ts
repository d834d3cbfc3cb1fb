/** The trap: a response that goes on for days keeps the configuration of its first moment, and with it all that was replaced since. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compile } from '../../src/compile/compile.ts';
import type { HostFor } from '../../src/compile/instances.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import type { Snapshot } from '../../src/compile/snapshot.ts';
import { inertHost } from '../../src/compile/inert-host.ts';
import { EMPTY_OBJECTS } from '../../src/model/object-set.ts';
import { definePlugin } from '../../src/sdk/plugin.ts';
import { eventually } from '../e2e/waiting.ts';
import { inLab, type Lab } from './lab.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Tells which of its instances are open. */
function watched(open: Set<number>) {
  return definePlugin({
    name: 'watched',
    priority: 1,
    summary: 'Is opened and closed.',
    schema: { type: 'object', properties: { version: { type: 'integer' } }, required: ['version'] },
    create({ version }) {
      open.add(version);
      return { access: () => undefined, close: () => void open.delete(version) };
    },
  });
}

describe('a long stream', () => {
  it(
    'keeps its own plugins open and nothing else of the configuration that it began with',
    inLab(
      {
        upstreams: [
          async (connection) => {
            await connection.take('\r\n\r\n');
            connection.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n');
            await connection.take('never');
          },
        ],
      },
      async (lab) => {
        const open = new Set<number>();
        const plugins = pluginRegistry([watched(open)]);
        const hostFor: HostFor = inertHost;
        let last: Snapshot | undefined;
        const change = (version: number): WeakRef<object> => {
          const route = {
            uri: '/*',
            plugins: { watched: { version } },
            upstream: { nodes: { [`127.0.0.1:${lab.node.port}`]: 1 } },
          };
          const objects = { ...EMPTY_OBJECTS.objects, routes: [{ id: 'a', path: '/a', value: route }] };
          const { snapshot, problems } = compile(
            { ...EMPTY_OBJECTS, objects },
            {
              settings: { router: 'radixtree_host_uri', merge_slashes: true },
              revision: version,
              plugins,
              hostFor,
              ...(last === undefined ? {} : { previous: last }),
            },
          );
          assert.deepEqual(problems, []);
          last = snapshot;
          lab.worker.swap(snapshot);
          return new WeakRef(snapshot);
        };
        const begun = change(1);
        const client = await lab.connect();
        client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await client.until(() => client.text.includes('data: 1'), 'the first event');
        for (let version = 2; version <= 5; version++) change(version);
        await isCollected(begun);
        // Only that of the stream, and the newest.
        assert.deepEqual([...open], [1, 5]);
        client.reset();
        await closed(lab, open);
        assert.deepEqual([...open], [5]);
      },
    ),
  );
});

async function isCollected(reference: WeakRef<object>): Promise<void> {
  await eventually(
    async () => {
      // A reference that was looked at is kept until the turn is over.
      await new Promise(setImmediate);
      collect();
      return reference.deref() === undefined;
    },
    () => 'it is kept',
  );
}

async function closed(lab: Lab, open: ReadonlySet<number>): Promise<void> {
  await eventually(
    () => lab.log.length === 1 && open.size === 1,
    () => `open: ${[...open].join(' ')}`,
  );
}
