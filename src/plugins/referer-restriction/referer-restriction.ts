import { definePlugin, type Reply } from '../../sdk/index.ts';

const LIST = {
  type: 'array',
  minItems: 1,
  maxItems: 10_000,
  items: {
    type: 'string',
    minLength: 1,
    maxLength: 253,
    pattern: '^\\*?[0-9A-Za-z\\-._\\[\\]:]+$',
    remedy: 'is no host name: write one such as example.com, or *.example.com for all below it',
  },
} as const;

export default definePlugin({
  name: 'referer-restriction',
  priority: 2_990,
  kind: 'security',
  summary: 'Lets in requests by the host of the page that they come from, as Referer names it.',
  schema: {
    type: 'object',
    properties: {
      whitelist: {
        ...LIST,
        description: 'Hosts, with `*` in front for all that end so: only requests from their pages pass.',
      },
      blacklist: {
        ...LIST,
        description: 'Hosts, with `*` in front for all that end so: requests from their pages are refused.',
      },
      message: {
        type: 'string',
        minLength: 1,
        maxLength: 1024,
        default: 'Your referer host is not allowed',
        description: 'The message of a refusal.',
      },
      bypass_missing: {
        type: 'boolean',
        default: false,
        description: 'Whether requests without `Referer`, or with a malformed one, pass; otherwise they are refused.',
      },
    },
    oneOf: [{ required: ['whitelist'] }, { required: ['blacklist'] }],
    remedy: 'write either "whitelist" or "blacklist": exactly one of them says who may pass',
  },
  examples: [
    { title: 'One site with all its hosts', config: { bypass_missing: true, whitelist: ['xx.com', '*.xx.com'] } },
    { title: 'All but one', config: { blacklist: ['*.example.net'], message: 'link to us instead' } },
  ],
  create({ whitelist, blacklist, message, bypass_missing }) {
    const listed = (whitelist ?? blacklist ?? []).map((host) => host.toLowerCase());
    const exact = new Set(listed.filter((host) => !host.startsWith('*')));
    const endings = listed.filter((host) => host.startsWith('*')).map((host) => host.slice(1));
    const isListed = (host: string): boolean => exact.has(host) || endings.some((ending) => host.endsWith(ending));
    const refusal: Reply = Object.freeze({
      status: 403,
      code: 'referer_not_allowed',
      body: Object.freeze({ message }),
    });
    return {
      access({ request }) {
        const host = hostOf(request.headerAll('referer'));
        if (host === null) return bypass_missing ? undefined : refusal;
        return isListed(host) === (whitelist !== undefined) ? undefined : refusal;
      },
    };
  },
});

/** Of the page; null where there is none that could be meant. */
function hostOf(referers: readonly string[]): string | null {
  const [referer, ...more] = referers;
  if (referer === undefined || more.length > 0) return null;
  const host = URL.parse(referer)?.hostname ?? '';
  return host === '' ? null : host.toLowerCase();
}
