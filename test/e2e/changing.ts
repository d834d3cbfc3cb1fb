/** The two ways to change what a running gateway serves: its file, and its Admin API. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

interface Document {
  gateway: Record<string, unknown>;
  routes: { id: string; uri: string; upstream: object }[];
}

export class Editor {
  private readonly gateway: RunningGateway;
  private readonly file: string;

  constructor(gateway: RunningGateway) {
    this.gateway = gateway;
    this.file = path.join(gateway.folder, 'gatewright.json');
  }

  /** Writes the file anew, whole or not at all, and resolves when every worker serves by it. */
  async change(edit: (document: Document) => void): Promise<void> {
    // A gateway is ready a moment before its log says by what.
    await this.gateway.logged(/ serving revision=/);
    const before = this.inForce();
    this.write(edit);
    await eventually(
      () => this.inForce() > before,
      () => `nothing changed: ${this.gateway.errorLog}`,
    );
  }

  /** Writes the file anew, whole or not at all, and resolves when it has been read, whatever it changed. */
  async reload(edit: (document: Document) => void): Promise<void> {
    const before = this.readings();
    this.write(edit);
    await eventually(
      () => this.readings() > before,
      () => `not read again: ${this.gateway.errorLog}`,
    );
  }

  /** Writes the file anew, whole or not at all, and has it read. */
  write(edit: (document: Document) => void): void {
    const document = JSON.parse(readFileSync(this.file, 'utf8')) as Document;
    edit(document);
    writeFileSync(`${this.file}.new`, JSON.stringify(document));
    renameSync(`${this.file}.new`, this.file);
    this.gateway.signal('SIGHUP');
  }

  private readings(): number {
    return this.gateway.errorLog.split(' serving revision=').length - 1;
  }

  /** The revision that the log named last. */
  private inForce(): number {
    return Number([...this.gateway.errorLog.matchAll(/serving revision=(\d+) /g)].at(-1)?.[1]);
  }
}

const KEY = 'a-key-for-this-test';

/** For `gateway.admin`. */
export const ADMIN = { port: 0, keys: [{ name: 'root', key: KEY }] };

/** For `gateway.store`: it ends with the test. */
export function embeddedStore(t: TestContext): object {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-objects-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return { type: 'embedded', path: path.join(folder, 'objects.db') };
}

/** The Admin API of a gateway. Each change is in force in every worker when it resolves, or refused there. */
export class Admin {
  private readonly origin: string;

  constructor(gateway: RunningGateway) {
    const port = /listening protocol=admin .*port=([0-9]+)/.exec(gateway.errorLog)?.[1] ?? '';
    this.origin = `http://127.0.0.1:${port}/apisix/admin`;
  }

  /** Fails unless the API accepts it. @param query begins with `&` */
  async ask(method: 'PUT' | 'DELETE', object: string, body?: object, query = ''): Promise<void> {
    const response = await fetch(`${this.origin}/${object}?wait=true${query}`, {
      method,
      headers: { 'X-API-KEY': KEY },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${method} ${object}: ${response.status} ${await response.text()}`);
  }
}
