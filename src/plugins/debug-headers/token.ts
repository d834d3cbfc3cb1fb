/** Tokens that show a caller what the gateway made of its requests: signed, bound, and of short life. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface DebugClaims {
  /** Seconds since 1970: from then on it is worth nothing. */
  readonly exp: number;
  /** The host that it is for, lower case without port; any if absent. */
  readonly host?: string;
  /** The path that it is for, or those that begin as it does where it ends with `*`; any if absent. */
  readonly path?: string;
  /** The address of the client that may show it; any if absent. */
  readonly address?: string;
}

/** What a token is held against. */
export interface DebugRequest {
  readonly host: string;
  readonly path: string;
  readonly address: string;
}

export interface DebugCheck {
  readonly secret: string;
  readonly now_s: number;
  /** One that lives longer from now is worth nothing, whoever signed it. */
  readonly max_lifetime_s: number;
}

const VERSION = 'gw1';
/** Longer ones are not looked at. */
const MOST_CHARACTERS = 1024;
/** The least that a secret may have: what is signed with it can be guessed at offline. */
export const LEAST_SECRET = 32;

/** `gw1.CLAIMS.SIGNATURE`, in characters that any header and shell takes. */
export function makeDebugToken(claims: DebugClaims, secret: string): string {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${VERSION}.${payload}.${signatureOf(payload, secret).toString('base64url')}`;
}

/** Whether it is sound and for this request. The time that takes says nothing of the signature that would be right. */
export function isDebugToken(token: string, request: DebugRequest, check: DebugCheck): boolean {
  if (token.length > MOST_CHARACTERS) return false;
  const [version, payload = '', signature = '', ...rest] = token.split('.');
  if (version !== VERSION || rest.length > 0) return false;
  const given = Buffer.from(signature, 'base64url');
  const right = signatureOf(payload, check.secret);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return false;
  const claims = claimsOf(payload);
  if (claims === null || claims.exp <= check.now_s || claims.exp > check.now_s + check.max_lifetime_s) return false;
  const { host = request.host, path = '*', address = request.address } = claims;
  return host === request.host && address === request.address && pathFits(path, request.path);
}

function signatureOf(payload: string, secret: string): Buffer {
  // The purpose is signed with it: a secret that serves something else, too, makes no tokens for us there.
  return createHmac('sha256', secret).update(`gatewright debug token ${VERSION}\n${payload}`).digest();
}

function claimsOf(payload: string): DebugClaims | null {
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown> | null;
    if (claims === null || typeof claims['exp'] !== 'number') return null;
    const texts = [claims['host'], claims['path'], claims['address']];
    return texts.every((text) => text === undefined || typeof text === 'string')
      ? (claims as unknown as DebugClaims)
      : null;
  } catch {
    return null;
  }
}

function pathFits(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}
