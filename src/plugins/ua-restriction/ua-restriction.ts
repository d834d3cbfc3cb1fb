import { checkRegex, compileRegex, definePlugin, type Reply } from '../../sdk/index.ts';

const LIST = {
  type: 'array',
  minItems: 1,
  maxItems: 10_000,
  items: { type: 'string', minLength: 1 },
} as const;

export default definePlugin({
  name: 'ua-restriction',
  priority: 2_999,
  kind: 'security',
  summary: 'Lets in user agents that a list allows, or all but those that a list denies.',
  schema: {
    type: 'object',
    properties: {
      bypass_missing: {
        type: 'boolean',
        default: false,
        description: 'Whether requests without `User-Agent`, or with an empty one, pass; otherwise they are refused.',
      },
      allowlist: {
        ...LIST,
        description: 'Regular expressions: only user agents in which one of them is found pass.',
      },
      denylist: {
        ...LIST,
        description: 'Regular expressions: user agents in which one of them is found are refused.',
      },
      message: {
        type: 'string',
        minLength: 1,
        maxLength: 1024,
        default: 'Not allowed',
        description: 'The message of a refusal.',
      },
    },
    oneOf: [{ required: ['allowlist'] }, { required: ['denylist'] }],
    remedy: 'write either "allowlist" or "denylist": exactly one of them says who may pass',
  },
  examples: [
    {
      title: 'Two crawlers are kept out',
      config: {
        bypass_missing: false,
        denylist: ['(Baiduspider)/(\\d+)\\.(\\d+)', 'bad-bot-1'],
        message: 'Access denied',
      },
    },
    {
      title: 'One robot alone, and who does not say what it is',
      config: { bypass_missing: true, allowlist: ['good-bot-1'], message: 'Access denied' },
    },
  ],
  check({ allowlist, denylist }) {
    return [...problemsIn('allowlist', allowlist), ...problemsIn('denylist', denylist)];
  },
  create({ bypass_missing, allowlist, denylist, message }) {
    const patterns = (allowlist ?? denylist ?? []).map((pattern) => compileRegex(pattern));
    const isListed = (agent: string): boolean => patterns.some((pattern) => pattern.test(agent));
    const refusal: Reply = Object.freeze({ status: 403, code: 'ua_not_allowed', body: Object.freeze({ message }) });
    return {
      access({ request }) {
        const agents = request.headerAll('user-agent').filter((agent) => agent !== '');
        if (agents.length === 0) return bypass_missing ? undefined : refusal;
        // Who says several things must not pass by one of them.
        const passes = allowlist === undefined ? !agents.some(isListed) : agents.every(isListed);
        return passes ? undefined : refusal;
      },
    };
  },
});

function problemsIn(name: string, list: readonly string[] = []) {
  return list.flatMap((pattern, i) => {
    const message = checkRegex(pattern);
    return message === null ? [] : [{ path: `${name}[${i}]`, message }];
  });
}
