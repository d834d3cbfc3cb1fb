import { type AddressSet, addressSetSteps, checkCidr, createAddressSet } from '../../sdk/addresses.ts';
import { definePlugin, type Reply } from '../../sdk/index.ts';

/** Whatever the peer's address is. */
const EVERYONE = createAddressSet(['0.0.0.0/0', '::/0']);

const LIST = {
  type: 'array',
  minItems: 1,
  items: { type: 'string', minLength: 1 },
} as const;

export default definePlugin({
  name: 'ip-restriction',
  priority: 3_000,
  kind: 'security',
  summary: 'Lets in clients by their addresses: only those of a list, or all but those.',
  schema: {
    type: 'object',
    properties: {
      whitelist: {
        ...LIST,
        description: 'Addresses and CIDR blocks, IPv4 or IPv6, that may pass; all others are refused.',
      },
      blacklist: {
        ...LIST,
        description: 'Addresses and CIDR blocks, IPv4 or IPv6, that are refused; all others may pass.',
      },
      message: {
        type: 'string',
        minLength: 1,
        maxLength: 1024,
        default: 'Your IP address is not allowed',
        description: 'The message of a refusal.',
      },
      response_code: {
        type: 'integer',
        minimum: 403,
        maximum: 404,
        default: 403,
        description: 'Status of a refusal.',
      },
    },
    oneOf: [{ required: ['whitelist'] }, { required: ['blacklist'] }],
    remedy: 'write either "whitelist" or "blacklist": exactly one of them says who may pass',
  },
  examples: [
    { title: 'One network alone', config: { whitelist: ['192.168.0.1/24'], message: 'Access denied' } },
    {
      title: 'All but some, to whom the route does not exist',
      config: { blacklist: ['2001:db8::/32'], response_code: 404 },
    },
  ],
  check({ whitelist, blacklist }) {
    return [...problemsIn('whitelist', whitelist), ...problemsIn('blacklist', blacklist)];
  },
  create({ whitelist, blacklist, message, response_code }) {
    const list = whitelist ?? blacklist ?? [];
    let listed: AddressSet | null = null;
    const passesListed = whitelist !== undefined;
    const refusal: Reply = Object.freeze({
      status: response_code,
      code: 'ip_not_allowed',
      body: Object.freeze({ message }),
    });
    return {
      *prepare() {
        listed = yield* addressSetSteps(list);
      },
      access({ remoteAddress }) {
        listed ??= createAddressSet(list);
        if (listed.has(remoteAddress)) return passesListed ? undefined : refusal;
        // Who has no address that can be read is on no list, and must not pass for it.
        return !passesListed && EVERYONE.has(remoteAddress) ? undefined : refusal;
      },
    };
  },
});

function problemsIn(name: string, list: readonly string[] = []) {
  return list.flatMap((address, i) => {
    const message = checkCidr(address);
    return message === null ? [] : [{ path: `${name}[${i}]`, message }];
  });
}
