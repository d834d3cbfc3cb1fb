/** By what requests are counted. */
import type { Exchange } from '../../sdk/index.ts';

export type KeyType = 'var' | 'var_combination' | 'constant';

const VARIABLE = /\$(?:([A-Za-z_]\w*)|\{\s*([A-Za-z_]\w*)\s*\})/g;

/** What is wrong with a key, null if nothing is. */
export function checkKey(type: KeyType, key: string): string | null {
  // Arguments and cookies may have hyphens and dots in their names.
  if (type === 'var' && !/^[A-Za-z_][\w.-]*$/.test(key)) {
    return `${JSON.stringify(key)} names no variable: write it without "$", or set key_type to var_combination`;
  }
  if (type === 'var_combination' && key.search(VARIABLE) < 0) {
    return `${JSON.stringify(key)} holds no variable such as $remote_addr or \${http_x_user}`;
  }
  return null;
}

/** Compiled: undefined where the request has none of the variables. */
export function compileKey(type: KeyType, key: string): (exchange: Exchange) => string | undefined {
  if (type === 'constant') return () => key;
  if (type === 'var') return (exchange) => nonEmpty(exchange.variable(key));
  const parts = partsOf(key);
  return (exchange) => {
    let text = '';
    let hasValue = false;
    for (const part of parts) {
      if (typeof part === 'string') {
        text += part;
        continue;
      }
      const value = exchange.variable(part.name) ?? '';
      hasValue ||= value !== '';
      // With its length: "1.2.3.4" and "5" must not be counted with "1.2.3.45" and "".
      text += `${value.length}:${value}`;
    }
    return hasValue ? text : undefined;
  };
}

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
