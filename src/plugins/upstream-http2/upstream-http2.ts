import { type Beside, type ConfigProblem, definePlugin } from '../../sdk/index.ts';

export default definePlugin({
  name: 'upstream-http2',
  // Just before upstream-proxy-protocol: both are about the connection to the node, and neither minds the other's turn.
  priority: 96,
  kind: 'traffic',
  summary: 'Speaks HTTP/2 to upstreams that do, on connections that requests share.',
  schema: {
    type: 'object',
    properties: {
      required: {
        type: 'boolean',
        default: false,
        description:
          'Whether nodes with the scheme `https` have to speak HTTP/2: 502 `upstream_protocol` where one does not. By default such a node is spoken to in HTTP/1.1.',
      },
      prior_knowledge: {
        type: 'boolean',
        default: false,
        description:
          'Whether nodes with the scheme `http` are spoken to in HTTP/2 in the clear. They have to know that: nothing asks them.',
      },
    },
  },
  examples: [
    {
      title: 'HTTP/2 with nodes of the scheme https that offer it, HTTP/1.1 with the others',
      config: {},
      upstream: { scheme: 'https' },
    },
    { title: 'Nothing but HTTP/2', config: { required: true }, upstream: { scheme: 'https' } },
    { title: 'HTTP/2 in the clear with nodes of the scheme http', config: { prior_knowledge: true } },
  ],
  checkBeside,
  create({ required, prior_knowledge }) {
    const wish = Object.freeze({ required, priorKnowledge: prior_knowledge });
    return { beforeProxy: (exchange) => exchange.useHttp2(wish) };
  },
});

interface Attributes {
  readonly required: boolean;
  readonly prior_knowledge: boolean;
}

/** Only of what stands in the same object: an upstream that is referred to may change, and global rules are for all. */
function checkBeside({ required, prior_knowledge }: Attributes, { upstreamScheme, plugins }: Beside): ConfigProblem[] {
  // It brings upstreams of its own, with schemes of their own.
  if (plugins.includes('traffic-split')) return [];
  switch (upstreamScheme) {
    case 'grpc':
    case 'grpcs': {
      const message = `has no effect beside an upstream with the scheme "${upstreamScheme}", which is HTTP/2 already: leave the plugin out`;
      return [{ path: '', message }];
    }
    case 'http': {
      if (prior_knowledge) return [];
      const message = `has no effect beside an upstream with the scheme "http": write "prior_knowledge": true for HTTP/2 in the clear, or the scheme "https"`;
      return [{ path: required ? 'required' : '', message }];
    }
    case 'https': {
      if (!prior_knowledge) return [];
      const message = `has no effect beside an upstream with the scheme "https", where TLS agrees on the protocol: leave it out, or write "required": true`;
      return [{ path: 'prior_knowledge', message }];
    }
    case undefined:
    default:
      return [];
  }
}
