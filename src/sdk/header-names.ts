/** Which header fields plugins may change: one rule, for what a configuration says and for what runs. */

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What frames a message or belongs to one hop: the gateway alone says these. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Why a plugin cannot change a field of that name, null if it can. */
export function headerNameFault(name: string): string | null {
  if (!NAME.test(name)) return `${JSON.stringify(name)} is no header name: use letters, digits and hyphens`;
  return FRAMING.has(name.toLowerCase()) ? `${name} frames the message: the gateway alone sets it` : null;
}

/** Request fields by which upstreams are told which consumer calls. */
export const IDENTITY_FIELDS = ['X-Consumer-Username', 'X-Credential-Identifier', 'X-Consumer-Custom-Id'] as const;
