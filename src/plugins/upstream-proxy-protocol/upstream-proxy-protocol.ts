import { definePlugin } from '../../sdk/index.ts';

export default definePlugin({
  name: 'upstream-proxy-protocol',
  priority: 95,
  kind: 'transformation',
  summary: 'Tells upstreams by the PROXY protocol who the client is.',
  schema: {
    type: 'object',
    properties: {
      version: {
        enum: [1, 2],
        default: 1,
        description: 'Of the PROXY protocol: 1 is a line of text, 2 is binary. The nodes have to expect it.',
      },
    },
  },
  examples: [
    { title: 'Version 1, which every server with the PROXY protocol reads', config: {} },
    { title: 'Version 2', config: { version: 2 } },
  ],
  create({ version }) {
    return { beforeProxy: (exchange) => exchange.sendProxyProtocol(version) };
  },
});
