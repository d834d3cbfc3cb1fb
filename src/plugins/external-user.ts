import { exchangeKey } from '../sdk/index.ts';

/** Who calls as a system outside knows it, where no consumer stands for it: attributes of a directory, claims of a token. */
export type ExternalUser = Readonly<Record<string, unknown>>;

/** Set by plugins that authenticate, in `rewrite`. */
export const externalUserKey = exchangeKey<ExternalUser>('external user');
