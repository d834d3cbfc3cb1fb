/** Real sockets around a gateway under test: what the kit does in memory, by the kernel, so that both can be compared. */
import { once } from 'node:events';
import net from 'node:net';
import type { CompiledNode } from '../../src/compile/snapshot.ts';
import type { OwnedSocket } from '../../src/http1/owned-socket.ts';
import { connect, type OutgoingOwner } from '../../src/http1/sockets.ts';
import type { ClientEnds, Network } from '../../src/testing/network.ts';
import { ExchangeTransport } from '../../src/testing/exchange-transport.ts';
import type { Nodes } from '../../src/testing/nodes.ts';
import type { ScriptedNode } from '../../src/testing/scripted-node.ts';
import type { Worker, WorkerTransport } from '../../src/threads/worker.ts';
import { ConnectionPool, type ConnectionPoolOptions } from '../../src/upstream/pool.ts';
import { type Probe, probeOver } from '../../src/upstream/probe.ts';
import { freePort } from '../free-port.ts';

/** Without any event for so long, and with an answer to what was asked after it, nothing is under way. */
const QUIET_MS = 3;
const QUIET_TURNS = 12;

/** Owns the connections of health checks. */
const PROBE = {};

export class LoopbackNetwork implements Network {
  events = 0;
  private last_ms = 0;
  private quietTurns = 0;
  private readonly nodes: Nodes;
  private readonly servers = new Map<string, { readonly server: net.Server; readonly port: number }>();
  private readonly owners = new Map<number, object>();
  private readonly ends = new Map<number, { readonly name: string; readonly socket: net.Socket }>();
  private readonly sockets = new Set<net.Socket>();
  private closedPort = 0;
  private asking: net.Socket | null = null;
  /** For each question that has not come yet, how many events there had been. */
  private readonly asked: number[] = [];
  private answered = -1;
  private port: Promise<number> | null = null;

  constructor(nodes: Nodes) {
    this.nodes = nodes;
  }

  /** Has a server for each of these nodes, and a port on which nobody listens. */
  async start(names: readonly string[]): Promise<void> {
    await this.listenToItself();
    this.closedPort = await freePort();
    for (const name of names) {
      const server = net.createServer({ allowHalfOpen: true }, (socket) => this.accept(name, socket));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as net.AddressInfo;
      this.servers.set(name, { server, port });
    }
  }

  close(): void {
    for (const { server } of this.servers.values()) server.close();
    for (const socket of this.sockets) socket.destroy();
    this.asking?.destroy();
  }

  /** A connection beside the others. A kernel that has much to do delivers later than at once, but one after the other. */
  private async listenToItself(): Promise<void> {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes: Buffer) => {
        this.answered = this.asked.splice(0, bytes.length).at(-1) ?? -1;
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    this.asking = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1', noDelay: true });
    await once(this.asking, 'connect');
    server.close();
  }

  /** Asked once in each turn of the loop: what the gateway itself does between two sockets takes some turns and no event. */
  get isIdle(): boolean {
    this.quietTurns++;
    if (this.quietTurns <= QUIET_TURNS || performance.now() - this.last_ms <= QUIET_MS) return false;
    if (this.answered === this.events) return true;
    if (this.asked.at(-1) !== this.events) {
      this.asked.push(this.events);
      this.asking?.write('?');
    }
    return false;
  }

  private note(): void {
    this.events++;
    this.quietTurns = 0;
    this.last_ms = performance.now();
  }

  private watch(socket: net.Socket): void {
    this.note();
    this.sockets.add(socket);
    for (const event of ['connect', 'end', 'close', 'drain']) socket.on(event, () => this.note());
    socket.on('close', () => this.sockets.delete(socket));
  }

  private accept(name: string, socket: net.Socket): void {
    this.watch(socket);
    this.ends.set(socket.remotePort ?? 0, { name, socket });
    this.match(socket.remotePort ?? 0);
  }

  /** The gateway's end of a connection and the upstream's are the same port; which of them is told first is for the kernel to say. */
  private match(port: number): void {
    const owner = this.owners.get(port);
    const end = this.ends.get(port);
    if (owner === undefined || end === undefined) return;
    const { name, socket } = end;
    this.owners.delete(port);
    this.ends.delete(port);
    const node = this.nodes.named(name);
    if (node === null) throw new Error(`there is no node ${name}`);
    if (owner !== PROBE) this.nodes.opened(owner, socket);
    socket.on('data', () => this.note());
    node.accept(socket, owner === PROBE);
  }

  private connected(socket: net.Socket, owner: object): void {
    this.watch(socket);
    socket.once('connect', () => {
      const port = socket.localPort ?? 0;
      this.owners.set(port, owner);
      this.match(port);
    });
  }

  openTransport(options: ConnectionPoolOptions): WorkerTransport {
    const pool = new ConnectionPool({ ...options, connect: (node, owner) => this.open(node, owner) });
    return new ExchangeTransport(pool, this.nodes);
  }

  private open(node: CompiledNode, owner: OutgoingOwner): OwnedSocket {
    const socket = connect('127.0.0.1', this.portTo(this.nodes.find(node), false), owner);
    this.connected(socket, owner);
    return socket;
  }

  private portTo(node: ScriptedNode | null, isProbe: boolean): number {
    const how = node === null ? 'refused' : node.connecting(isProbe);
    if (how === 'refused') return this.closedPort;
    if (how !== 'now') throw new Error(`a kernel does not make connections ${how}`);
    return this.servers.get(node?.name ?? '')?.port ?? this.closedPort;
  }

  get probe(): Probe {
    return probeOver((_checks, node) => {
      const socket = net.connect({ host: '127.0.0.1', port: this.portTo(this.nodes.find(node), true) });
      this.connected(socket, PROBE);
      return socket;
    });
  }

  async connect(worker: Worker, { from }: ClientEnds): Promise<net.Socket> {
    this.port ??= worker.listen().then(([listening]) => listening?.port ?? 0);
    const port = await this.port;
    const socket = net.connect({ host: '127.0.0.1', port, localAddress: from.address, allowHalfOpen: true });
    this.watch(socket);
    socket.on('data', () => this.note());
    await once(socket, 'connect');
    return socket;
  }
}
