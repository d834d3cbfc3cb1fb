import { definePlugin } from '../../sdk/index.ts';
import { ANONYMOUS_CONSUMER, authMetadataSchema, HIDE_CREDENTIALS, realmAttribute } from '../auth-attributes.ts';
import { AuthGate } from '../auth-gate.ts';
import { LACKING, readBasic } from '../basic-credentials.ts';
import { isSecret, secretDigest } from '../secret-digest.ts';

interface Account {
  readonly username: string;
  readonly password: string;
}

export default definePlugin({
  name: 'basic-auth',
  priority: 2_520,
  kind: 'auth',
  summary: 'Lets in callers that send the name and the password of a consumer.',
  schema: {
    type: 'object',
    properties: {
      hide_credentials: HIDE_CREDENTIALS,
      anonymous_consumer: ANONYMOUS_CONSUMER,
      realm: realmAttribute('basic'),
    },
  },
  consumerSchema: {
    type: 'object',
    required: ['username', 'password'],
    properties: {
      username: {
        type: 'string',
        minLength: 1,
        pattern: '^[^:\\x00-\\x1f\\x7f]*$',
        remedy: 'holds a colon or a control character: no request brings such a name',
        description: 'Name that callers send; unique among all consumers.',
      },
      password: {
        type: 'string',
        minLength: 1,
        pattern: '^[^\\x00-\\x1f\\x7f]*$',
        remedy: 'holds a control character: no request brings such a password',
        secret: true,
        description: 'Password that they send.',
      },
    },
  },
  metadataSchema: authMetadataSchema,
  consumerKey: ({ username }: Account) => username.normalize(),
  examples: [
    { title: 'Names and passwords of consumers', config: {} },
    {
      title: 'Not shown to the upstream, with a realm of its own',
      config: { hide_credentials: true, realm: 'orders' },
    },
  ],
  create({ hide_credentials, anonymous_consumer, realm }, host, metadata) {
    const gate = new AuthGate({
      host,
      challenge: `Basic realm="${realm}", charset="UTF-8"`,
      anonymous_consumer,
      metadata,
      secret: 'password',
      hide: hide_credentials ? ({ request }) => request.removeHeader('authorization') : undefined,
    });
    const missing = gate.refusal('credentials_missing', 'Missing authorization in request');
    const invalid = gate.refusal('credentials_invalid', 'Invalid user authorization');
    const digests = new WeakMap<Account, Buffer>();
    /** What no password has: a name that nobody has takes as long as a wrong password. */
    const nobody = secretDigest(host.randomBytes(32));

    function digestOf(account: Account): Buffer {
      let digest = digests.get(account);
      if (digest === undefined) digests.set(account, (digest = secretDigest(account.password.normalize())));
      return digest;
    }

    return {
      rewrite(exchange) {
        const sent = readBasic(exchange.request);
        if (typeof sent === 'string') {
          return LACKING.has(sent)
            ? gate.lack(exchange, missing, sent)
            : gate.refuse(exchange, invalid, { reason: sent });
        }
        const { name: claimed, password } = sent;
        if (gate.isHeld(exchange, claimed)) return gate.refuseHeld(exchange, claimed);
        const match = exchange.findConsumer('basic-auth', claimed);
        const isRight = isSecret(password, match === undefined ? nobody : digestOf(match.config as Account));
        if (match !== undefined && isRight) return gate.accept(exchange, match);
        const reason = match === undefined ? 'name_unknown' : 'password_wrong';
        return gate.refuse(exchange, invalid, { reason, claimed });
      },
    };
  },
});
