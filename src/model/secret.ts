/** Secret: a secret manager that $secret:// references are resolved by. */
import type { Infer, Schema } from '../sdk/schema.ts';
import { BOOKKEEPING } from './attributes.ts';
import { defineModel } from './object-model.ts';

const TEXT = { type: 'string', minLength: 1 } as const satisfies Schema;
const HIDDEN = { type: 'string', minLength: 1, secret: true } as const satisfies Schema;

export const secretSchema = {
  type: 'object',
  description: 'A secret manager that $secret:// references are resolved by; its id is MANAGER/ID.',
  required: ['id'],
  properties: {
    ...BOOKKEEPING,
    id: {
      type: 'string',
      pattern: '^(?:vault|aws|gcp)/[a-zA-Z0-9._-]{1,64}$',
      remedy: 'is no id of a secret: write vault/ID, aws/ID or gcp/ID',
      description: 'MANAGER/ID.',
    },
    uri: { ...TEXT, description: 'vault: its address.' },
    prefix: { ...TEXT, description: 'vault: prefix of the keys.' },
    token: { ...HIDDEN, description: 'vault: its token.' },
    namespace: { ...TEXT, description: 'vault: namespace.' },
    access_key_id: { ...TEXT, description: 'aws: id of the access key.' },
    secret_access_key: { ...HIDDEN, description: 'aws: the access key.' },
    session_token: { ...HIDDEN, description: 'aws: temporary token.' },
    region: { ...TEXT, description: 'aws: region, us-east-1 by default.' },
    endpoint_url: { ...TEXT, description: 'aws: address of the service.' },
    auth_config: {
      type: 'object',
      description: 'gcp: the service account.',
      required: ['client_email', 'private_key', 'project_id'],
      properties: {
        client_email: TEXT,
        private_key: HIDDEN,
        project_id: TEXT,
        token_uri: TEXT,
        entries_uri: TEXT,
        scope: { type: 'array', items: TEXT },
      },
    },
    auth_file: { ...TEXT, description: 'gcp: file with the service account.' },
    ssl_verify: { type: 'boolean', description: 'gcp: whether its certificate is verified.' },
  },
} as const satisfies Schema;

export type SecretObject = Infer<typeof secretSchema>;

/** What each manager cannot do without. */
const NEEDED: Readonly<Record<string, readonly (keyof SecretObject)[]>> = {
  vault: ['uri', 'prefix', 'token'],
  aws: ['access_key_id', 'secret_access_key'],
  gcp: [],
};

export const secretModel = defineModel({
  kind: 'secrets',
  noun: 'secret',
  schema: secretSchema,
  check(secret, report) {
    const manager = secret.id.slice(0, secret.id.indexOf('/'));
    for (const name of NEEDED[manager] ?? []) {
      if (secret[name] === undefined) report(name, 'missing_attribute', `a secret manager ${manager} needs "${name}"`);
    }
    if (manager === 'gcp' && (secret.auth_config === undefined) === (secret.auth_file === undefined)) {
      report('auth_config', 'missing_attribute', 'a secret manager gcp needs either "auth_config" or "auth_file"');
    }
    report('', 'not_available', 'secret managers are not available in this version');
  },
});
