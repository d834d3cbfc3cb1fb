/** A gateway with openid-connect on every path, a provider that it knows, and a browser. */
import type { TestContext } from 'node:test';
import { HandClock, openLab, routeWith, type Lab } from '../plugins/lab.ts';
import { Browser } from './browser.ts';
import { IdentityProvider, type ProviderOptions } from './identity-provider.ts';

export type Attributes = Readonly<Record<string, unknown>>;

export interface World {
  readonly provider: IdentityProvider;
  readonly lab: Lab;
  readonly browser: Browser;
  readonly address: (path: string) => string;
  readonly reload: (attributes: Attributes) => void;
}

export interface WorldOptions extends ProviderOptions {
  readonly clock?: HandClock;
  /** Of the provider's client. */
  readonly client?: Attributes;
}

export const SESSION = { secret: 'a secret of sessions' };

/** A clock that shows the real time until it is told to pass. */
export const clockOfNow = (): HandClock => new HandClock(new Date().toISOString());

export async function openWorld(
  t: TestContext,
  attributes: Attributes = {},
  options: WorldOptions = {},
): Promise<World> {
  const { clock, client = {} } = options;
  const provider = await IdentityProvider.start(t, options);
  const text = (more: Attributes): string =>
    routeWith({
      'openid-connect': {
        client_id: 'gateway',
        client_secret: 'hush-secret',
        discovery: provider.discovery,
        scope: 'openid profile',
        redirect_uri: '/callback',
        session: SESSION,
        ...more,
      },
    });
  const lab = await openLab(t, text(attributes), clock === undefined ? {} : { clock });
  const address = (path: string): string => `http://127.0.0.1:${lab.port}${path}`;
  provider.open({
    redirect_uris: [address('/callback'), address('/deep/page/.apisix/redirect')],
    post_logout_redirect_uris: [address('/bye')],
    ...client,
  });
  return { provider, lab, browser: new Browser(), address, reload: (more) => lab.reload(text(more)) };
}

/** First value of a field that the upstream got last. */
export function told(lab: Lab, name: string): string | undefined {
  return lab.lastSeen.headers.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1];
}

/** What stands in a field as JSON in base64. */
export function decoded(text: string | undefined): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(text ?? 'bnVsbA==', 'base64').toString()) as Readonly<Record<string, unknown>>;
}
