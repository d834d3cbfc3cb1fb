/** By what requests are counted. */
import { networkOf } from '../sdk/addresses.ts';
import type { Exchange } from '../sdk/index.ts';

/** What keys and amounts are made of. */
export type Variables = Pick<Exchange, 'variable'>;

export type KeyType = 'var' | 'var_combination' | 'constant';

const VARIABLE = /\$(?:([A-Za-z_]\w*)|\{\s*([A-Za-z_]\w*)\s*\})/g;

/** What is wrong with a key, null if nothing is. */
export function checkKey(type: KeyType, key: string): string | null {
  // Arguments and cookies may have hyphens and dots in their names; APISIX's own page writes `$consumer_name`.
  if (type === 'var' && !/^\$?[A-Za-z_][\w.-]*$/.test(key)) {
    return `${JSON.stringify(key)} names no variable: write one such as remote_addr, or set key_type to var_combination`;
  }
  if (type === 'var_combination' && key.search(VARIABLE) < 0) {
    return `${JSON.stringify(key)} holds no variable such as $remote_addr or \${http_x_user}`;
  }
  return null;
}

/** Variables that hold the address of the client. */
const ADDRESSES: readonly string[] = ['remote_addr', 'realip_remote_addr'];

export type ReadKey = (exchange: Variables) => string | undefined;

/** Compiled: undefined where the request has none of the variables. @param ipv6_prefix see `KEY_ATTRIBUTES` */
export function compileKey(type: KeyType, key: string, ipv6_prefix = 128): ReadKey {
  if (type === 'constant') return () => key;
  if (type === 'var') return compileVariable(key.replace(/^\$/, ''), ipv6_prefix);
  const parts = partsOf(key).map((part) => (typeof part === 'string' ? part : compileVariable(part.name, ipv6_prefix)));
  return (exchange) => {
    let text = '';
    let hasValue = false;
    for (const part of parts) {
      if (typeof part === 'string') {
        text += part;
        continue;
      }
      const value = part(exchange) ?? '';
      hasValue ||= value !== '';
      // With its length: "1.2.3.4" and "5" must not be counted with "1.2.3.45" and "".
      text += `${value.length}:${value}`;
    }
    return hasValue ? text : undefined;
  };
}

function compileVariable(name: string, ipv6_prefix: number): ReadKey {
  if (ipv6_prefix === 128 || !ADDRESSES.includes(name)) return (exchange) => nonEmpty(exchange.variable(name));
  return (exchange) => {
    const address = nonEmpty(exchange.variable(name));
    return address?.includes(':') === true ? networkOf(address, ipv6_prefix) : address;
  };
}

/** Who is counted, unless the configuration says so. */
export const KEY = {
  type: 'string',
  minLength: 1,
  default: 'remote_addr',
  description: 'By what requests are counted; where the request has no such value, by its address.',
} as const;

/** Of a rule. */
export const RULE_KEY = {
  type: 'string',
  minLength: 1,
  description:
    'Variables that requests are counted by, such as "$http_a $http_b"; without any value the rule is skipped.',
} as const;

export const KEY_ATTRIBUTES = {
  key_type: {
    enum: ['var', 'var_combination', 'constant'],
    default: 'var',
    description:
      'var: key is a variable; var_combination: a text with $variables; constant: the same for every request.',
  },
  ipv6_prefix: {
    type: 'integer',
    minimum: 1,
    maximum: 128,
    default: 128,
    description:
      'Bits of an IPv6 client address that count: with 64, all addresses of one network, which a single client has, count as one.',
  },
} as const;

function partsOf(key: string): (string | { readonly name: string })[] {
  const parts: (string | { readonly name: string })[] = [];
  let at = 0;
  for (const match of key.matchAll(VARIABLE)) {
    if (match.index > at) parts.push(key.slice(at, match.index));
    parts.push({ name: match[1] ?? match[2] ?? '' });
    at = match.index + match[0].length;
  }
  if (at < key.length) parts.push(key.slice(at));
  return parts;
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
