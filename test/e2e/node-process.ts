/** A node in a process of its own, which can be killed and started again on its port. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { freePort } from '../free-port.ts';

/** Answers every request with its own process id, and ends with its standard input. */
const SOURCE = `
const http = require('node:http');
const server = http.createServer((request, response) => response.end(request.url + ' ' + process.pid));
server.listen(Number(process.argv[1]), '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
`;

export class NodeProcess implements AsyncDisposable {
  port = 0;
  private child: ChildProcess | null = null;

  static async start(): Promise<NodeProcess> {
    const node = new NodeProcess();
    // Nobody else gets it while the node is away.
    node.port = await freePort();
    await node.start();
    return node;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Starts it, on the port that it had before. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['-e', SOURCE, String(this.port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child = child;
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    this.port = Number(line);
  }

  /** SIGKILL; resolves once it is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
