/** What lies around a gateway under test: its clients, its upstream nodes, and the ways to them. */
import type net from 'node:net';
import type { CompiledNode } from '../compile/snapshot.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import { type OutgoingOwner, own, readByEvents } from '../http1/sockets.ts';
import type { TlsFacts } from '../tls/tls-facts.ts';
import type { Worker, WorkerTransport } from '../threads/worker.ts';
import { ConnectionPool, type ConnectionPoolOptions } from '../upstream/pool.ts';
import { type Probe, probeOver } from '../upstream/probe.ts';
import { type Ends, MemorySocket } from './memory-socket.ts';
import type { Nodes } from './nodes.ts';
import { ExchangeTransport } from './exchange-transport.ts';
import type { VirtualClock } from './virtual-clock.ts';
import type { Wire } from './wire.ts';

/** Where a client comes from, and which port of the gateway it goes to. */
export interface ClientEnds {
  readonly from: Ends;
  readonly port: number;
  /** Of a connection over TLS. */
  readonly tls: TlsFacts | null;
}

export interface Network {
  readonly probe: Probe;
  openTransport(options: ConnectionPoolOptions): WorkerTransport;
  /** A client's end of a new connection; the gateway knows it by its port. */
  connect(worker: Worker, ends: ClientEnds): Promise<net.Socket>;
  /** Whether nothing is under way in it. */
  readonly isIdle: boolean;
  /** Grows with everything that happens in it. */
  readonly events: number;
}

/** Without a socket of the system: connections are made in memory, whatever the upstream's scheme. */
export class MemoryNetwork implements Network {
  private readonly wire: Wire;
  private readonly clock: VirtualClock;
  private readonly nodes: Nodes;
  /** Ports of the gateway's own connections to upstreams. */
  private lastPort = 49_151;

  constructor(wire: Wire, clock: VirtualClock, nodes: Nodes) {
    this.wire = wire;
    this.clock = clock;
    this.nodes = nodes;
  }

  get isIdle(): boolean {
    return this.wire.isIdle;
  }

  get events(): number {
    return this.wire.hops;
  }

  openTransport(options: ConnectionPoolOptions): WorkerTransport {
    const pool = new ConnectionPool({ ...options, connect: (node, owner) => this.open(node, owner) });
    return new ExchangeTransport(pool, this.nodes);
  }

  private open(node: CompiledNode, owner: OutgoingOwner): OwnedSocket {
    const [near, far] = this.pairTo(node, node.port);
    const socket = own(near.asSocket(), owner);
    readByEvents(socket);
    this.nodes.opened(owner, far.asSocket());
    this.begin(node, [near, far], false);
    return socket;
  }

  get probe(): Probe {
    return probeOver((checks, node) => {
      const [near, far] = this.pairTo(node, checks.port === 0 ? node.port : checks.port);
      if (checks.type === 'https') near.once('connect', () => near.emit('secureConnect'));
      this.begin(node, [near, far], true);
      return near.asSocket();
    });
  }

  private pairTo(node: CompiledNode, port: number): [MemorySocket, MemorySocket] {
    this.lastPort = this.lastPort >= 65_535 ? 49_152 : this.lastPort + 1;
    return MemorySocket.pair(this.wire, { address: '127.0.0.1', port: this.lastPort }, { address: node.address, port });
  }

  private begin(node: CompiledNode, [near, far]: readonly [MemorySocket, MemorySocket], isProbe: boolean): void {
    const found = this.nodes.find(node);
    const how = found === null ? 'refused' : found.connecting(isProbe);
    if (how === 'timeout') return;
    if (found === null || how === 'refused') {
      const error = Object.assign(new Error(`connect ECONNREFUSED ${node.endpoint}`), {
        code: 'ECONNREFUSED',
        syscall: 'connect',
      });
      this.wire.post(() => near.destroy(error));
      return;
    }
    const connect = (): void => {
      if (near.destroyed) return;
      found.accept(far.asSocket(), isProbe);
      near.connected();
    };
    if (typeof how === 'number' && how > 0) this.clock.startTimer(how, connect);
    else this.wire.post(connect);
  }

  async connect(worker: Worker, { from, port, tls }: ClientEnds): Promise<net.Socket> {
    const [near, far] = MemorySocket.pair(this.wire, from, { address: '127.0.0.1', port });
    worker.accept(far.asSocket(), port, tls);
    readByEvents(far.asSocket());
    this.wire.post(() => near.connected());
    return near.asSocket();
  }
}
