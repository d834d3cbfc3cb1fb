/** A gateway as its users run it: `bin/gatewright run` in a process of its own, with a configuration in a folder of its own. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LISTENER } from '../client/speaking.ts';
import { eventually } from './waiting.ts';

export const LAUNCHER = path.resolve(import.meta.dirname, '../../bin/gatewright');

/** What a test writes into `gatewright.json`; listeners on free ports of 127.0.0.1 are filled in. */
export interface GatewayDocument {
  readonly plugin_metadata?: readonly object[];
  readonly consumers?: readonly object[];
  readonly gateway?: Readonly<Record<string, unknown>>;
  readonly routes?: readonly object[];
}

export interface GatewayOptions {
  /** Default: the launcher of this checkout. */
  readonly launcher?: string;
  readonly cwd?: string;
  /** Further arguments of `gatewright run`. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Further files in its folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Folders in its folder. */
  readonly folders?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One route that sends everything to these ports. */
export function routeTo(ports: readonly number[], upstream: object = {}): object {
  const nodes = Object.fromEntries(ports.map((port) => [`127.0.0.1:${port}`, 1]));
  return { id: 'everything', uri: '/*', upstream: { type: 'roundrobin', nodes, ...upstream } };
}

export class RunningGateway implements AsyncDisposable {
  /** Holds the configuration, and whatever log files it names. */
  readonly folder: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  port = 0;
  statusPort = 0;
  stdout = '';
  stderr = '';
  /** A test that expects the process to end otherwise sets it. */
  expectedExit: Exit = { code: 0, signal: null };
  /** A test that provokes a fault of the gateway's own code sets it. */
  expectsFaults = false;
  private readonly errorLogFile: string | null;
  private readonly child: ChildProcess;
  private exit: Exit | null = null;

  private constructor(folder: string, document: GatewayDocument, options: GatewayOptions) {
    this.folder = folder;
    this.errorLogFile = errorLogFile(document);
    const file = path.join(folder, 'gatewright.json');
    writeFileSync(file, JSON.stringify(withListeners(document)));
    for (const name of options.folders ?? []) mkdirSync(path.join(folder, name));
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(path.join(folder, name), text);
    this.child = spawn(options.launcher ?? LAUNCHER, ['run', '-c', file, ...(options.args ?? [])], {
      cwd: options.cwd ?? folder,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.pid = this.child.pid ?? 0;
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = new Promise((resolve) => {
      // `close` and not `exit`: by then everything that was said has arrived.
      this.child.once('close', (code, signal) => resolve((this.exit = { code, signal })));
    });
    process.once('exit', this.kill);
  }

  /** Resolves once it is ready for traffic. */
  static async start(document: GatewayDocument, options: GatewayOptions = {}): Promise<RunningGateway> {
    const gateway = new RunningGateway(mkdtempSync(path.join(tmpdir(), 'gatewright-e2e-')), document, options);
    try {
      gateway.port = await gateway.listening('http');
      gateway.statusPort = await gateway.listening('control');
      await eventually(
        async () => (await gateway.readiness()) === 200,
        () => 'the gateway is not ready',
      );
    } catch (error) {
      gateway.kill();
      throw new Error(`the gateway did not start: ${gateway.stderr}`, { cause: error });
    }
    return gateway;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the error log says so far. */
  get errorLog(): string {
    if (this.errorLogFile === null) return this.stderr;
    try {
      return readFileSync(path.join(this.folder, this.errorLogFile), 'utf8');
    } catch {
      return '';
    }
  }

  /** The lines of a log file; complete after `stop`. */
  lines(file: string): string[] {
    const text = readFileSync(path.join(this.folder, file), 'utf8');
    assert.ok(text === '' || text.endsWith('\n'), `${file} ends in the middle of a line`);
    return text.split('\n').slice(0, -1);
  }

  /** Status of `/status/ready`; 0 if nobody answers. */
  async readiness(): Promise<number> {
    try {
      const { status, body } = await fetch(`http://127.0.0.1:${this.statusPort}/status/ready`);
      await body?.cancel();
      return status;
    } catch {
      return 0;
    }
  }

  /** Waits for a line of the error log. */
  async logged(pattern: RegExp): Promise<void> {
    await eventually(
      () => pattern.test(this.errorLog),
      () => `no ${pattern} in ${this.errorLog}`,
    );
  }

  /** The metrics as they are now, but for those of threads that are late: a scrape waits a quarter of a second for them. */
  async metrics(): Promise<string> {
    const port = /listening protocol=metrics .*port=(\d+)/.exec(this.errorLog)?.[1];
    // A connection that was kept may lead to a thread that is gone.
    const headers = { connection: 'close' };
    const response = await fetch(`http://127.0.0.1:${port}/apisix/prometheus/metrics`, { headers });
    assert.equal(response.status, 200);
    return response.text();
  }

  /** Waits until the metrics have something of each of these. */
  async measured(...patterns: readonly RegExp[]): Promise<string> {
    let text = '';
    await eventually(
      async () => {
        text = await this.metrics();
        return patterns.every((pattern) => pattern.test(text));
      },
      () => `no ${patterns.filter((pattern) => !pattern.test(text)).join(', ')} in ${text}`,
    );
    return text;
  }

  signal(name: NodeJS.Signals): void {
    assert.equal(this.exit, null, 'the gateway runs');
    process.kill(this.pid, name);
  }

  /** Resident memory now. */
  get rss_bytes(): number {
    return kibibytes(this.pid, 'VmRSS');
  }

  /** The most resident memory since the last call of `forgetPeak`. */
  get peak_bytes(): number {
    return kibibytes(this.pid, 'VmHWM');
  }

  /** proc(5): 5 resets the peak to what is resident now. */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  /** SIGTERM, and the end that follows. */
  async stop(): Promise<Exit> {
    if (this.exit === null) this.signal('SIGTERM');
    return this.exited;
  }

  /** Ends the gateway as its operator would, and fails if it left anything behind or met a fault of its own. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const exit = await this.stop();
      assert.deepEqual(exit, this.expectedExit, this.errorLog);
      if (!this.expectsFaults) assert.doesNotMatch(this.errorLog, / error /);
    } finally {
      process.removeListener('exit', this.kill);
      this.kill();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  private async listening(protocol: string): Promise<number> {
    const pattern = new RegExp(`listening protocol=${protocol} .*port=([0-9]+)`);
    await eventually(
      () => this.exit !== null || pattern.test(this.errorLog),
      () => `no ${protocol} listener`,
    );
    const port = pattern.exec(this.errorLog)?.[1];
    if (port === undefined) throw new Error(`it ended with ${JSON.stringify(this.exit)}`);
    return Number(port);
  }

  private readonly kill = (): void => {
    if (this.exit === null) this.child.kill('SIGKILL');
  };
}

function withListeners(document: GatewayDocument): object {
  const free = { address: '127.0.0.1', port: 0 };
  const { http = [free], ...gateway } = document.gateway ?? {};
  const listeners = (http as readonly object[]).map((listener) => ({ ...listener, ...LISTENER }));
  return { ...document, gateway: { http: listeners, control: free, ...gateway } };
}

function errorLogFile(document: GatewayDocument): string | null {
  const log = document.gateway?.['error_log'] as { path?: string } | undefined;
  return log?.path === undefined || /^std(?:out|err)$/.test(log.path) ? null : log.path;
}

function kibibytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+([0-9]+) kB$`, 'm').exec(status)?.[1]) * 1024;
}
