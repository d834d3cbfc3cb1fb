import { createDecipheriv } from 'node:crypto';
import { headerNameFault } from '../../sdk/header-names.ts';
import { definePlugin, type ConfigProblem, type Reply } from '../../sdk/index.ts';
import { authMetadataSchema, HEADER_NAME } from '../auth-attributes.ts';
import { AuthGate } from '../auth-gate.ts';
import { fromBase64url } from '../jws.ts';
import { parseStrictObject } from '../strict-json.ts';

interface Credential {
  readonly key: string;
  readonly secret: string;
  readonly is_base64_encoded: boolean;
}

interface Jwe {
  readonly kid: string;
  /** The protected header as it stands in the token: what is authenticated beside the text (RFC 7516 §5.1). */
  readonly header: string;
  readonly iv: Buffer;
  readonly text: Buffer;
  readonly tag: Buffer;
}

const MOST_CHARACTERS = 8_192;

export default definePlugin({
  name: 'jwe-decrypt',
  priority: 2_509,
  kind: 'auth',
  summary: 'Decrypts tokens (JWE) with keys of consumers, and gives the upstream what was in them.',
  schema: {
    type: 'object',
    properties: {
      header: { ...HEADER_NAME, default: 'Authorization', description: 'Header that the token is read from.' },
      forward_header: {
        ...HEADER_NAME,
        default: 'Authorization',
        description: 'Header in which the upstream gets the plain text; nobody else can say it.',
      },
      strict: { type: 'boolean', default: true, description: 'Whether requests without a token are refused with 403.' },
    },
  },
  consumerSchema: {
    type: 'object',
    required: ['key', 'secret'],
    properties: {
      key: { type: 'string', minLength: 1, description: 'What tokens name it by, as kid; unique among all consumers.' },
      secret: { type: 'string', minLength: 1, secret: true, description: 'Key of 32 bytes.' },
      is_base64_encoded: { type: 'boolean', default: false, description: 'Whether secret is written in base64.' },
    },
  },
  metadataSchema: authMetadataSchema,
  consumerKey: ({ key }: Credential) => key,
  checkConsumer(credential: Credential): ConfigProblem[] {
    const { length } = secretOf(credential);
    return length === 32 ? [] : [{ path: 'secret', message: `has ${length} bytes: a key for A256GCM has 32` }];
  },
  claims: ({ header, forward_header }) => (isSame(header, forward_header) ? [] : [forward_header]),
  check({ header, forward_header }) {
    return Object.entries({ header, forward_header }).flatMap(([path, name]) => {
      const message = name.toLowerCase() === 'host' ? 'Host says where a request goes' : headerNameFault(name);
      return message === null ? [] : [{ path, message }];
    });
  },
  examples: [
    { title: 'A token in Authorization, in whose place the upstream gets the text', config: {} },
    { title: 'In headers of their own', config: { header: 'X-Token', forward_header: 'X-User', strict: false } },
  ],
  create({ header, forward_header, strict }, host, metadata) {
    const gate = new AuthGate({ host, challenge: '', anonymous_consumer: undefined, metadata });
    const refusal = (status: number, code: string, message: string): Reply =>
      Object.freeze({ status, code, body: Object.freeze({ message }) });
    const missing = refusal(403, 'token_missing', 'missing JWE token in request');
    const invalid = refusal(400, 'token_invalid', 'failed to decrypt JWE token');
    const secrets = new WeakMap<Credential, Buffer>();

    function keyOf(credential: Credential): Buffer {
      let key = secrets.get(credential);
      if (key === undefined) secrets.set(credential, (key = secretOf(credential)));
      return key;
    }

    return {
      rewrite(exchange) {
        const { request } = exchange;
        const values = request.headerAll(header);
        const [value = ''] = values;
        if (value === '') return strict ? gate.lack(exchange, missing) : undefined;
        const refuse = (reason: string, claimed = ''): Reply | undefined =>
          gate.refuse(exchange, invalid, { reason, claimed });
        if (values.length > 1) return refuse('header_repeated');
        if (gate.isHeld(exchange, '')) return gate.refuseHeld(exchange, '');
        const jwe = parseJwe(value.replace(/^bearer /i, '').trim());
        if (typeof jwe === 'string') return refuse(jwe);
        const match = exchange.findConsumer('jwe-decrypt', jwe.kid);
        if (match === undefined) return refuse('key_unknown', jwe.kid);
        const key = keyOf(match.config as Credential);
        // RFC 7516 has the header authenticated; APISIX's tokens, by its own page, have not.
        const plain = decrypt(jwe, key, true) ?? decrypt(jwe, key, false);
        if (plain === null) return refuse('undecryptable', jwe.kid);
        const text = plain.toString('latin1');
        if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) return refuse('text_unfit', jwe.kid);
        if (!isSame(header, forward_header)) request.removeHeader(header);
        request.setHeader(forward_header, text);
        return gate.admit(exchange, match.consumer.username);
      },
    };
  },
});

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function secretOf({ secret, is_base64_encoded }: Credential): Buffer {
  return Buffer.from(secret, is_base64_encoded ? 'base64' : 'utf8');
}

/** The compact form (RFC 7516 §7.1) with a key that both sides have, `dir`, and A256GCM. */
function parseJwe(token: string): Jwe | string {
  if (token.length > MOST_CHARACTERS) return 'too_long';
  const [header = '', encryptedKey, ...rest] = token.split('.');
  if (rest.length !== 3) return 'not_five_parts';
  if (encryptedKey !== '') return 'key_not_direct';
  const [iv, text, tag] = rest.map((part) => (part === '' ? Buffer.alloc(0) : fromBase64url(part)));
  const bytes = fromBase64url(header);
  if (bytes === null || !iv || !text || !tag) return 'not_base64url';
  const members = parseStrictObject(bytes);
  if (typeof members === 'string') return `header_${members}`;
  const { alg, enc, kid, crit, zip } = members;
  if (alg !== 'dir' || enc !== 'A256GCM') return 'algorithm_other';
  if (crit !== undefined) return 'critical_unknown';
  if (zip !== undefined) return 'compressed';
  if (typeof kid !== 'string' || kid === '') return 'kid_missing';
  if (iv.length !== 12 || tag.length !== 16) return 'sizes_wrong';
  return { kid, header, iv, text, tag };
}

/** Null where it was not encrypted with that key, or was changed since. */
function decrypt({ header, iv, text, tag }: Jwe, key: Buffer, isAuthenticated: boolean): Buffer | null {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
  if (isAuthenticated) decipher.setAAD(Buffer.from(header, 'latin1'));
  decipher.setAuthTag(tag);
  const plain = decipher.update(text);
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}
