/** The plugins that Gatewright has, by name. */
import type { AnyPlugin } from '../sdk/index.ts';
import keyAuth from './key-auth/key-auth.ts';
import limitCount from './limit-count/limit-count.ts';
import requestId from './request-id/request-id.ts';

export const ALL_PLUGINS: readonly AnyPlugin[] = [keyAuth, limitCount, requestId];
