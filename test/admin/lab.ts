/** The Admin API on a real listener over a store in memory, or over one that a test makes. */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { AdminApi } from '../../src/admin/api.ts';
import type { AuditRecord } from '../../src/admin/audit.ts';
import { startAdminServer } from '../../src/admin/admin-server.ts';
import type { AdminServerOptions } from '../../src/admin/admin-server.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import { Secrets } from '../../src/model/secrets.ts';
import { EmbeddedStore } from '../../src/store/embedded.ts';
import { GcmCipher, sealingKey } from '../../src/store/gcm-cipher.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { VirtualParts } from '../../src/store/virtual-parts.ts';
import type { Store } from '../../src/store/store.ts';

export const ADMIN_KEY = 'a-key-of-an-administrator';
export const VIEWER_KEY = 'a-key-of-someone-who-looks';

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; null if it is empty. */
  readonly body: unknown;
}

export interface AskOptions {
  readonly method?: string;
  readonly body?: unknown;
  /** '' sends none. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A store in a SQLite file of its own. */
export function embeddedStore(t: TestContext): (parts: VirtualParts) => Store {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-admin-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const registry = pluginRegistry(ALL_PLUGINS);
  const key = sealingKey(new Uint8Array(32).fill(7));
  const cipher = new GcmCipher(new Secrets((name) => registry.get(name)?.definition), [key]);
  const options = {
    path: path.join(folder, 'objects.db'),
    max_bytes: 1e9,
    cipher,
    keyId: key.id,
    knownKeyIds: [key.id],
  };
  return (parts) => new EmbeddedStore(options, parts);
}

export interface Lab {
  readonly port: number;
  readonly store: Store;
  readonly parts: VirtualParts;
  readonly audit: readonly AuditRecord[];
  readonly denied: readonly { readonly reason: string }[];
  readonly errors: readonly unknown[];
  /** @param path below `/apisix/admin`, or from `//` on the whole path */
  ask(path: string, options?: AskOptions): Promise<Reply>;
  /** Asks, and expects one of these statuses. */
  put(path: string, body: unknown): Promise<Reply>;
}

export interface LabOptions {
  readonly server?: Partial<AdminServerOptions>;
  readonly makeStore?: (parts: VirtualParts) => Store;
  readonly isServed?: (revision: number) => Promise<boolean>;
  readonly isCodeCurrent?: boolean;
}

export async function startLab(t: TestContext, options: LabOptions = {}): Promise<Lab> {
  const parts = new VirtualParts();
  const store = options.makeStore?.(parts) ?? new MemoryStore(parts);
  const audit: AuditRecord[] = [];
  const denied: { reason: string }[] = [];
  const errors: unknown[] = [];
  let ids = 0;
  const api = new AdminApi({
    store,
    plugins: pluginRegistry(ALL_PLUGINS),
    matching: { mode: 'radixtree_host_uri', mergeSlashes: true },
    now_ms: () => parts.now_ms(),
    newId: () => `new-${++ids}`,
    onChange: (record) => audit.push(record),
    isServed: options.isServed ?? (async () => true),
    isCodeCurrent: async () => options.isCodeCurrent ?? true,
  });
  const server = await startAdminServer({
    api,
    address: '127.0.0.1',
    port: 0,
    keys: [
      { name: 'root', key: ADMIN_KEY, role: 'admin' },
      { name: 'guest', key: VIEWER_KEY, role: 'viewer' },
    ],
    allowsAnonymous: false,
    allow: [],
    maxBody_bytes: 1_000_000,
    tls: null,
    onDenied: (detail) => denied.push(detail),
    onError: (error) => errors.push(error),
    ...options.server,
  });
  t.after(async () => {
    await server.close();
    api.close();
    await store.close();
    if (errors.length > 0) throw new AggregateError(errors, 'the gateway failed');
  });
  const ask: Lab['ask'] = (where, asked) => request(server.port, where, asked);
  return {
    port: server.port,
    store,
    parts,
    audit,
    denied,
    errors,
    ask,
    async put(where, body) {
      const reply = await ask(where, { method: 'PUT', body });
      if (reply.status > 201) throw new Error(`PUT ${where}: ${reply.status} ${reply.text}`);
      return reply;
    },
  };
}

function request(
  port: number,
  where: string,
  { method = 'GET', body, key = ADMIN_KEY, headers }: AskOptions = {},
): Promise<Reply> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const outgoing = http.request(
      {
        port,
        host: '127.0.0.1',
        method,
        path: where.startsWith('//') ? where.slice(1) : `/apisix/admin${where}`,
        agent: false,
        headers: {
          ...(key === '' ? {} : { 'X-API-KEY': key }),
          ...(text === undefined ? {} : { 'Content-Length': Buffer.byteLength(text) }),
          ...headers,
        },
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const received = Buffer.concat(pieces).toString();
          const isJson = (response.headers['content-type'] ?? '').includes('json') && received !== '';
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: received,
            body: isJson ? (JSON.parse(received) as unknown) : null,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}
