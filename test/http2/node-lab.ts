/** A gateway between a test's clients and nodes that speak HTTP/2 as the test says. */
import { EMPTY_CHAIN } from '../../src/compile/chain-source.ts';
import type { Chain } from '../../src/compile/chain.ts';
import { Lab, type LabOptions } from '../traps/lab.ts';
import { FrameServer } from './frame-server.ts';

export interface NodeLabOptions extends Omit<LabOptions, 'upstreams' | 'ports'> {
  /** Payload of the nodes' SETTINGS; null: they say nothing by themselves. */
  readonly node?: Uint8Array | null;
  readonly nodes?: number;
}

/** How nodes come to be spoken to in HTTP/2: by their scheme, or over TLS where the plugin `upstream-http2` offers it. */
export type Way = 'grpc' | 'either';

export type NodeTest = (lab: Lab, node: FrameServer, other: FrameServer) => Promise<void>;

const OFFERING: Chain = {
  ...EMPTY_CHAIN,
  beforeProxy: [
    {
      plugin: 'upstream-http2',
      number: 1,
      priority: 0,
      instance: { beforeProxy: (exchange) => exchange.useHttp2({ required: false, priorKnowledge: false }) },
      filter: null,
      errorResponse: undefined,
    },
  ],
  isEmpty: false,
};

const TLS = { cert: '', key: '', certId: '', verify: false };

const WAYS = {
  grpc: { upstream: { scheme: 'grpc' }, lab: {} },
  either: { upstream: { scheme: 'https', tls: TLS }, lab: { chain: OFFERING } },
} as const;

/** @returns what makes the body of a test of what it does. When that is over, a connection or a deadline that the gateway still holds fails it. */
export function nodeLab(way: Way): (options: NodeLabOptions, body: NodeTest) => () => Promise<void> {
  const { upstream: usual, lab: parts } = WAYS[way];
  return ({ node = Buffer.alloc(0), nodes = 1, upstream, settings, ...more }, body) =>
    async () => {
      const servers = Array.from({ length: nodes }, () => new FrameServer(node, way === 'either'));
      await Promise.all(servers.map((server) => server.start()));
      const [first = new FrameServer(node), second = first] = servers;
      const lab = await Lab.open(
        {
          ...parts,
          ...more,
          ports: servers.map(({ port }) => port),
          settings: { http: [{ address: '127.0.0.1', port: 0, http2: true }], ...settings },
          upstream: { ...usual, ...upstream },
        },
        'onread',
      );
      try {
        await body(lab, first, second);
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
