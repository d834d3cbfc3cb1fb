import { definePlugin } from '../../sdk/index.ts';
import { headerNameFault } from '../../sdk/header-names.ts';
import { headerValueFault, pathBelow } from '../header-actions.ts';
import { toBytes } from '../template.ts';

export default definePlugin({
  name: 'attach-consumer-label',
  priority: 2_399,
  kind: 'transformation',
  summary: 'Tells the upstream labels of the consumer that calls, in header fields that no client can forge.',
  schema: {
    type: 'object',
    required: ['headers'],
    properties: {
      headers: {
        type: 'object',
        minProperties: 1,
        maxProperties: 100,
        description:
          'Header fields with the label that each gets, `$` in front: `X-Consumer-Role: $role`. What a client sends under such a name is always dropped; a label that the consumer does not have gives no field.',
        additionalProperties: {
          type: 'string',
          pattern: '^\\$.+$',
          remedy: 'names no label: write $ and its key, such as $role',
        },
      },
    },
  },
  examples: [
    {
      title: 'Two labels',
      config: { headers: { 'X-Consumer-Department': '$department', 'X-Consumer-Company': '$company' } },
    },
  ],
  check: ({ headers }) =>
    Object.keys(headers).flatMap((name) => {
      const message =
        name.toLowerCase() === 'host'
          ? 'Host says where a request goes: use a field of its own'
          : headerNameFault(name);
      return message === null ? [] : [{ path: pathBelow('headers', name), message }];
    }),
  claims: ({ headers }) => Object.keys(headers),
  create({ headers }, host) {
    const fields = Object.entries(headers).map(([name, label]) => [name, label.slice(1)] as const);
    return {
      // On a consumer: nobody knew before whose request it is.
      rewrite({ request }) {
        for (const [name] of fields) if (request.header(name) !== undefined) request.removeHeader(name);
      },
      access({ consumer, request }) {
        if (consumer === null) return;
        for (const [name, label] of fields) {
          const value = Object.hasOwn(consumer.labels, label) ? consumer.labels[label] : undefined;
          if (value === undefined) continue;
          const fault = headerValueFault(value);
          if (fault === null) request.setHeader(name, toBytes(value));
          else host.log.warn('label_unfit', { consumer: consumer.username, label, reason: fault });
        }
      },
    };
  },
});
