import { definePlugin } from '../../sdk/index.ts';
import { authMetadataSchema } from '../auth-attributes.ts';
import { OpenidFlow } from './flow.ts';
import { checkOpenid } from './check.ts';
import { OPENID_SCHEMA } from './schema.ts';

export default definePlugin({
  name: 'openid-connect',
  priority: 2_599,
  kind: 'authorization',
  summary: 'Lets people in who log in at an OpenID Connect provider, and callers with an access token of it.',
  effects: ['network'],
  buffers: 'request',
  schema: OPENID_SCHEMA,
  metadataSchema: authMetadataSchema,
  claims: () => ['X-Access-Token', 'X-ID-Token', 'X-Raw-ID-Token', 'X-Userinfo', 'X-Refresh-Token'],
  check: checkOpenid,
  examples: [
    {
      title: 'People log in',
      config: {
        client_id: 'gateway',
        client_secret: 'the secret of this client',
        discovery: 'https://id.example.com/.well-known/openid-configuration',
        scope: 'openid profile email',
        redirect_uri: 'https://app.example.com/callback',
        session: { secret: 'sixteen characters or more' },
      },
    },
    {
      title: "Callers bring access tokens, verified with the provider's published keys",
      config: {
        client_id: 'gateway',
        client_secret: 'the secret of this client',
        discovery: 'https://id.example.com/.well-known/openid-configuration',
        bearer_only: true,
        use_jwks: true,
        required_scopes: ['orders:read'],
        claim_validator: { audience: { match_with_client_id: true } },
      },
    },
  ],
  create: (config, host, metadata) => new OpenidFlow(config, host, metadata),
});
