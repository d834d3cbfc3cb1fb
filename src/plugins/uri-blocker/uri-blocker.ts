import { checkRegex, compileRegex, definePlugin, type Reply } from '../../sdk/index.ts';

export default definePlugin({
  name: 'uri-blocker',
  priority: 2_900,
  kind: 'security',
  summary: 'Refuses requests whose URI one of some patterns finds.',
  schema: {
    type: 'object',
    required: ['block_rules'],
    properties: {
      block_rules: {
        type: 'array',
        uniqueItems: true,
        maxItems: 10_000,
        items: { type: 'string', minLength: 1, maxLength: 4096 },
        description:
          'Regular expressions. They are looked for in path and query, as the client wrote them and normalised.',
      },
      rejected_code: { type: 'integer', minimum: 200, maximum: 599, default: 403, description: 'Status of a refusal.' },
      rejected_msg: { type: 'string', minLength: 1, description: 'Its `error_msg`.' },
      case_insensitive: { type: 'boolean', default: false, description: 'Whether upper and lower case are the same.' },
    },
  },
  examples: [
    { title: 'Files that nobody should ask for', config: { block_rules: ['root.exe', 'root.m+'] } },
    {
      title: 'With a message, in any case',
      config: { block_rules: ['\\.php$'], rejected_code: 404, rejected_msg: 'not here', case_insensitive: true },
    },
  ],
  check({ block_rules }) {
    return block_rules.flatMap((pattern, i) => {
      const message = checkRegex(pattern);
      return message === null ? [] : [{ path: `block_rules[${i}]`, message }];
    });
  },
  create({ block_rules, rejected_code, rejected_msg, case_insensitive }) {
    const rules = block_rules.map((pattern) => compileRegex(pattern, { ignoreCase: case_insensitive }));
    const refusal: Reply = Object.freeze({
      status: rejected_code,
      code: 'uri_blocked',
      body: Object.freeze({ error_msg: rejected_msg ?? 'the URI is blocked' }),
    });
    return {
      rewrite({ request }) {
        const { target, path, query } = request;
        const normalised = query === '' ? path : `${path}?${query}`;
        // An escape or a dot segment must not hide what a rule is about.
        const isBlocked = rules.some((rule) => rule.test(target) || (normalised !== target && rule.test(normalised)));
        return isBlocked ? refusal : undefined;
      },
    };
  },
});
