/** A gateway between a test's clients and nodes that speak HTTP/2 as the test says. */
import { Lab, type LabOptions } from '../traps/lab.ts';
import { FrameServer } from './frame-server.ts';

export interface NodeLabOptions extends Omit<LabOptions, 'upstreams' | 'ports'> {
  /** Payload of the nodes' SETTINGS; null: they say nothing by themselves. */
  readonly node?: Uint8Array | null;
  readonly nodes?: number;
}

/** The body of a test. When it is over, a connection or a deadline that the gateway still holds fails it. */
export function withNode(
  { node = Buffer.alloc(0), nodes = 1, upstream, settings, ...more }: NodeLabOptions,
  body: (lab: Lab, node: FrameServer, other: FrameServer) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const first = new FrameServer(node);
    const others = Array.from({ length: nodes - 1 }, () => new FrameServer(node));
    const servers = [first, ...others];
    await Promise.all(servers.map((server) => server.start()));
    const lab = await Lab.open(
      {
        ...more,
        ports: servers.map(({ port }) => port),
        settings: { http: [{ address: '127.0.0.1', port: 0, http2: true }], ...settings },
        upstream: { scheme: 'grpc', ...upstream },
      },
      'onread',
    );
    try {
      await body(lab, first, others[0] ?? first);
      await lab.whenQuiet();
      for (const server of servers) server.close();
      await lab.end();
    } catch (error) {
      if (error instanceof Error)
        for (const fault of lab.faults) error.message += `\nthe gateway's own fault: ${String(fault)}`;
      throw error;
    } finally {
      for (const server of servers) server.close();
      lab.abort();
    }
  };
}
