/** The libraries that do the cryptography and the protocol; loaded when they are first needed. */
import { createRequire } from 'node:module';
import type * as jose from 'jose';
import type * as openid from 'openid-client';

export function openidLibrary(): typeof openid {
  return createRequire(import.meta.url)('openid-client') as typeof openid;
}

export function joseLibrary(): typeof jose {
  return createRequire(import.meta.url)('jose') as typeof jose;
}
