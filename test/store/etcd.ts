/** A real etcd for tests, on ports of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';

export interface EtcdTlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Where given, clients need a certificate of this authority. */
  readonly ca?: string;
}

export interface EtcdSettings {
  readonly program: string;
  readonly tls?: EtcdTlsFiles;
  readonly more?: readonly string[];
}

export class Etcd {
  readonly settings: EtcdSettings;
  readonly folder = mkdtempSync(join(tmpdir(), 'gatewright-etcd-'));
  private child: ChildProcess | null = null;
  private ports: readonly [number, number] = [0, 0];

  private constructor(settings: EtcdSettings) {
    this.settings = settings;
  }

  static async start(settings: EtcdSettings): Promise<Etcd> {
    const etcd = new Etcd(settings);
    // Between finding a port free and taking it, somebody else may.
    for (let attempt = 0; attempt < 5; attempt++) {
      etcd.ports = [await freePort(), await freePort()];
      if (await etcd.run()) return etcd;
    }
    throw new Error('etcd does not start');
  }

  get endpoint(): string {
    return `${this.scheme}://127.0.0.1:${this.ports[0]}`;
  }

  get port(): number {
    return this.ports[0];
  }

  private get scheme(): string {
    return this.settings.tls === undefined ? 'http' : 'https';
  }

  /** Ends it at once, as a machine that loses power would. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    await new Promise<void>((resolve) => {
      child.once('close', () => resolve());
      child.kill('SIGKILL');
    });
  }

  /** Runs it again, with what it had stored. */
  async restart(): Promise<void> {
    assert.ok(await this.run(), 'etcd does not start again');
  }

  /** Stops it from running without ending it, as a machine that vanishes from the network would look. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async run(): Promise<boolean> {
    const { program, tls, more = [] } = this.settings;
    const peer = `http://127.0.0.1:${this.ports[1]}`;
    const secure =
      tls === undefined
        ? []
        : [
            `--cert-file=${tls.cert}`,
            `--key-file=${tls.key}`,
            ...(tls.ca === undefined ? [] : [`--trusted-ca-file=${tls.ca}`, '--client-cert-auth']),
          ];
    const child = spawn(
      program,
      [
        '--name=test',
        `--data-dir=${this.folder}/data`,
        `--listen-client-urls=${this.endpoint}`,
        `--advertise-client-urls=${this.endpoint}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=test=${peer}`,
        // It elects itself at once.
        '--heartbeat-interval=10',
        '--election-timeout=100',
        ...secure,
        ...more,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.child = child;
    return new Promise((resolve) => {
      let log = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-100_000);
        if (/ready to serve client requests/.test(log)) resolve(true);
      });
      child.once('error', () => resolve(false));
      child.once('close', () => resolve(false));
    });
  }
}
