import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { definePlugin, type ConsumerMatch, type Exchange, type ExchangeRequest, type Reply } from '../../sdk/index.ts';
import { authMetadataSchema } from '../auth-attributes.ts';
import { AuthGate } from '../auth-gate.ts';
import { digestFault } from './digest-field.ts';
import { parseHttpDate } from './http-date.ts';
import { consumerSchema, schema, type Credential } from './schema.ts';
import { parseSignature, type SignatureField } from './signature-field.ts';

type Answer = Reply | undefined;

const TARGET = '@request-target';

export default definePlugin({
  name: 'hmac-auth',
  priority: 2_530,
  kind: 'auth',
  summary: 'Lets in callers that sign their requests with a key that a consumer shares with the gateway.',
  schema,
  consumerSchema,
  metadataSchema: authMetadataSchema,
  buffers: 'request',
  consumerKey: ({ key_id }: Credential) => key_id,
  check({ signed_headers }) {
    return signed_headers.flatMap((name, i) => {
      const isLater = signed_headers.findIndex((other) => other.toLowerCase() === name.toLowerCase()) < i;
      const message = 'stands there twice: case makes no difference';
      return isLater ? [{ path: `signed_headers[${i}]`, message }] : [];
    });
  },
  examples: [
    { title: 'Signatures that cover method, target and Date', config: {} },
    {
      title: 'With the body, once each',
      config: { signed_headers: ['date', 'digest'], validate_request_body: true, reject_replays: true },
    },
  ],
  create(config, host, metadata) {
    const { allowed_algorithms, clock_skew, validate_request_body, max_req_body_size, reject_replays } = config;
    const gate = new AuthGate({
      host,
      challenge: `hmac realm="${config.realm}"`,
      anonymous_consumer: config.anonymous_consumer,
      metadata,
      hide: config.hide_credentials ? ({ request }) => request.removeHeader('authorization') : undefined,
    });
    const MESSAGE = "client request can't be validated";
    const missing = gate.refusal('signature_missing', MESSAGE);
    const invalid = gate.refusal('signature_invalid', MESSAGE);
    const tooLarge: Reply = Object.freeze({
      status: 413,
      code: 'body_too_large',
      body: Object.freeze({ message: `the body is longer than ${max_req_body_size} bytes` }),
    });
    const needed = config.signed_headers.map((name) => name.toLowerCase());
    if (config.require_request_target ?? host.profile === 'secure') needed.push(TARGET);
    const algorithms = new Set<string>(allowed_algorithms);
    const keys = new WeakMap<Credential, KeyObject>();

    function keyOf(credential: Credential): KeyObject {
      let key = keys.get(credential);
      if (key === undefined) keys.set(credential, (key = createSecretKey(Buffer.from(credential.secret_key))));
      return key;
    }

    function refuse(exchange: Exchange, reason: string, claimed = '', isGuess = true): Answer {
      return gate.refuse(exchange, invalid, { reason, claimed, isGuess });
    }

    /** Why a signature says too little, or too much; null where it can be looked at. */
    function fieldFault({ algorithm, headers }: SignatureField): string | null {
      if (!algorithms.has(algorithm)) return 'algorithm_not_allowed';
      return needed.every((name) => headers.includes(name)) ? null : 'header_unsigned';
    }

    function isSigned(request: ExchangeRequest, field: SignatureField, credential: Credential): boolean {
      const text = signingText(request, field);
      if (text === null) return false;
      const expected = createHmac(field.algorithm.slice(5), keyOf(credential)).update(text, 'latin1').digest();
      return expected.length === field.signature.length && timingSafeEqual(expected, field.signature);
    }

    /** Once the signature is right: whether the request is as old as it may be. */
    function dateFault(request: ExchangeRequest): string | null {
      const dates = request.headerAll('date');
      const [date] = dates;
      const time_ms = dates.length === 1 && date !== undefined ? parseHttpDate(date) : null;
      if (time_ms === null) return date === undefined ? 'date_missing' : 'date_malformed';
      return Math.abs(host.clock.wall_ms() - time_ms) <= clock_skew * 1000 ? null : 'date_too_far';
    }

    async function checkBody(exchange: Exchange, field: SignatureField, match: ConsumerMatch): Promise<Answer> {
      const { request } = exchange;
      const body = await request.readBody(max_req_body_size);
      if (exchange.isOver) return undefined;
      if (body === null) return gate.fail(exchange, tooLarge, { reason: 'body_too_large', claimed: field.keyId });
      const fault = digestFault(request.headerAll('digest'), body);
      return fault === null ? letIn(exchange, field, match) : refuse(exchange, fault, field.keyId, false);
    }

    function letIn(exchange: Exchange, field: SignatureField, match: ConsumerMatch): Answer {
      if (reject_replays) {
        const key = `${field.keyId} ${field.signature.toString('base64')}`;
        const window_ms = (2 * clock_skew + 1) * 1000;
        const first = host.counters.fixedWindow('replays', { key, limit: 1, window_ms, cost: 1 });
        if (!first.isAllowed) return refuse(exchange, 'replayed', field.keyId, false);
      }
      return gate.accept(exchange, match);
    }

    return {
      rewrite(exchange) {
        const { request } = exchange;
        const field = parseSignature(request.headerAll('authorization'));
        if (typeof field === 'string') {
          const isLack = field === 'nothing_presented' || field === 'other_scheme';
          return isLack ? gate.lack(exchange, missing, field) : refuse(exchange, field);
        }
        const { keyId } = field;
        if (gate.isHeld(exchange, '')) return gate.refuseHeld(exchange, '');
        const match = exchange.findConsumer('hmac-auth', keyId);
        if (match === undefined) return refuse(exchange, 'key_unknown', keyId);
        const fault = fieldFault(field);
        if (fault !== null) return refuse(exchange, fault, keyId, false);
        if (!isSigned(request, field, match.config as Credential)) return refuse(exchange, 'signature_wrong', keyId);
        const late = dateFault(request);
        if (late !== null) return refuse(exchange, late, keyId, false);
        return validate_request_body ? checkBody(exchange, field, match) : letIn(exchange, field, match);
      },
    };
  },
});

/** What is signed: the key's id, then each header in the order of the list; null where one of them is not there. */
function signingText(request: ExchangeRequest, { keyId, headers }: SignatureField): string | null {
  let text = `${keyId}\n`;
  for (const name of headers) {
    if (name === TARGET) text += `${request.method} ${originForm(request.target)}\n`;
    else {
      const values = request.headerAll(name);
      if (values.length === 0) return null;
      text += `${name}: ${values.join(', ')}\n`;
    }
  }
  return text;
}

/** The target as sent; an absolute one without scheme and authority. */
function originForm(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^[a-z]+:\/\/[^/?]*/i, '');
}
