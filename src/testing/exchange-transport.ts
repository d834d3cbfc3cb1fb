/** A Transport that notes which exchange a connection serves, so that what an upstream saw can be told of that exchange. */
import type { CompiledNode, CompiledUpstream } from '../compile/snapshot.ts';
import type { ResponseSink } from '../http1/client-settings.ts';
import { NodeChoice } from '../proxy/node-choice.ts';
import type { WorkerTransport } from '../threads/worker.ts';
import type { ConnectionPool } from '../upstream/pool.ts';
import type { OpenOptions, UpstreamStream } from '../upstream/transport.ts';
import type { Nodes } from './nodes.ts';

export class ExchangeTransport implements WorkerTransport {
  private readonly pool: ConnectionPool;
  private readonly nodes: Nodes;

  constructor(pool: ConnectionPool, nodes: Nodes) {
    this.pool = pool;
    this.nodes = nodes;
  }

  open(upstream: CompiledUpstream, node: CompiledNode, sink: ResponseSink, options: OpenOptions): UpstreamStream {
    const stream = this.pool.open(upstream, node, sink, options);
    if (sink instanceof NodeChoice) this.nodes.serves(stream, sink.exchange.connectionMemo.remotePort);
    return stream;
  }

  get size(): number {
    return this.pool.size;
  }

  get idleSize(): number {
    return this.pool.idleSize;
  }

  close(): void {
    this.pool.close();
  }
}
