/** Real servers of Redis for tests, on ports of their own: one, a cluster of three, or a master with sentinels. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../e2e/waiting.ts';
import { freePort } from '../free-port.ts';

export class RedisServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'gatewright-redis-'));
  private readonly program: string;
  private readonly lines: readonly string[];
  private child: ChildProcess | null = null;
  port: number;

  constructor(program: string, port: number, lines: readonly string[] = []) {
    this.program = program;
    this.port = port;
    this.lines = lines;
  }

  /** @param lines of its configuration */
  static async start(program: string, lines: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(program, await freePort(), lines);
    await server.run();
    return server;
  }

  async run(): Promise<void> {
    const { program, port, lines, folder } = this;
    const hasTls = lines.some((line) => line.startsWith('tls-port'));
    const file = join(folder, 'redis.conf');
    const common = [hasTls ? 'port 0' : `port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, 'save ""', 'daemonize no'];
    writeFileSync(file, [...common, ...lines].map((line) => line.replaceAll('$PORT', String(port))).join('\n'));
    const mode = lines.some((line) => line.startsWith('sentinel ')) ? ['--sentinel'] : [];
    const child = spawn(program, [file, ...mode], { stdio: 'ignore' });
    this.child = child;
    await eventually(
      () => canConnect(port),
      () => `redis-server does not listen on ${port}`,
    );
  }

  /** Stops it from running without ending it. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  /** Ends it at once, with all that it had. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What `redis-cli` says to a command. */
  ask(...command: readonly string[]): string {
    return execFileSync('redis-cli', ['-p', String(this.port), ...command], { encoding: 'utf8' }).trim();
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const tell = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.on('connect', tell(true));
    socket.on('error', tell(false));
  });
}

/** Three masters that share the slots. */
export async function startCluster(program: string): Promise<RedisServer[]> {
  const nodes: RedisServer[] = [];
  for (let node = 0; node < 3; node++) {
    const lines = ['cluster-enabled yes', `cluster-port ${await freePort()}`, 'cluster-node-timeout 60000'];
    nodes.push(await RedisServer.start(program, lines));
  }
  const bounds = [0, 5461, 10923, 16384];
  for (const [at, node] of nodes.entries()) {
    node.ask('CLUSTER', 'ADDSLOTSRANGE', String(bounds[at]), String(bounds[at + 1]! - 1));
    node.ask('CONFIG', 'SET', 'cluster-announce-ip', '127.0.0.1');
  }
  const [first] = nodes;
  for (const node of nodes.slice(1)) {
    const bus = node.ask('CONFIG', 'GET', 'cluster-port').split('\n')[1]!;
    first!.ask('CLUSTER', 'MEET', '127.0.0.1', String(node.port), bus);
  }
  await eventually(
    () => nodes.every((node) => node.ask('CLUSTER', 'INFO').includes('cluster_state:ok')),
    () => 'the cluster does not come together',
  );
  return nodes;
}

export interface SentinelGroup {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  hasten(): void;
}

/**
 * A master, its replica, and a sentinel that makes the one of the other when the master is gone for a minute: on a busy machine it
 * may seem to be for a second. `hasten` makes that half a second, for a master that is about to be.
 */
export async function startSentinels(program: string): Promise<SentinelGroup> {
  const master = await RedisServer.start(program);
  const replica = await RedisServer.start(program, [`replicaof 127.0.0.1 ${master.port}`]);
  const sentinel = await RedisServer.start(program, [
    `sentinel monitor shop 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds shop 60000',
    'sentinel failover-timeout shop 2000',
  ]);
  await eventually(
    () => sentinel.ask('SENTINEL', 'replicas', 'shop').includes(String(replica.port)),
    () => 'the sentinel does not see the replica',
  );
  const hasten = (): void => {
    sentinel.ask('SENTINEL', 'SET', 'shop', 'down-after-milliseconds', '500');
  };
  return { master, replica, sentinels: [sentinel], hasten };
}
