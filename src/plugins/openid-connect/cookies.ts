/** Cookies (RFC 6265): reading those of a request, writing ours, and taking ours out of what the upstream gets. */
import type { ExchangeRequest } from '../../sdk/index.ts';
import type { SessionConfig } from './schema.ts';

/** Browsers keep 4096 bytes of a cookie, its name and attributes included. */
const PART = /.{1,3500}/g;
/** A request with more of them in one field would be refused at the door. */
const MOST_PARTS = 2;

/** All cookies of a request; the first of several by one name. */
export function cookiesOf(request: ExchangeRequest): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const field of request.headerAll('Cookie')) {
    for (const pair of field.split(';')) {
      const at = pair.indexOf('=');
      if (at < 0) continue;
      const name = pair.slice(0, at).trim();
      if (!found.has(name)) found.set(name, pair.slice(at + 1).trim());
    }
  }
  return found;
}

/** Takes cookies out of what the upstream gets. */
export function dropCookies(request: ExchangeRequest, isOurs: (name: string) => boolean): void {
  const fields = request.headerAll('Cookie');
  if (fields.length === 0) return;
  const pairs = fields.flatMap((field) => field.split(';')).map((pair) => pair.trim());
  const kept = pairs.filter((pair) => pair !== '' && !isOurs(pair.split('=', 1)[0]?.trim() ?? ''));
  if (kept.length === 0) request.removeHeader('Cookie');
  else request.setHeader('Cookie', kept.join('; '));
}

export interface CookieLife {
  /** 0 takes the cookie back. */
  readonly maxAge_s: number;
  readonly isSecure: boolean;
}

/** The cookies of one configuration. */
export class Cookies {
  readonly name: string;
  private readonly config: SessionConfig;

  constructor(config: SessionConfig) {
    this.config = config;
    this.name = config.cookie_name;
  }

  /** Whether a cookie belongs to the gateway. */
  isOurs(name: string): boolean {
    return name === this.name || this.partOf(name) > 0 || name.startsWith(this.loginPrefix);
  }

  /** Names of log-ins that are under way begin with it. */
  get loginPrefix(): string {
    return `${this.name}_login_`;
  }

  /** Value of a cookie that may be in parts; undefined if it is not there. */
  read(cookies: ReadonlyMap<string, string>): string | undefined {
    let value = cookies.get(this.name);
    if (value === undefined || value === '') return undefined;
    for (let part = 1; part < MOST_PARTS; part++) value += cookies.get(`${this.name}_${part}`) ?? '';
    return value;
  }

  /** Set-Cookie for a value, and for parts that are not needed any more. @returns null if it is too long for a browser */
  write(value: string, before: ReadonlyMap<string, string>, life: CookieLife): string[] | null {
    const parts = value.length === 0 ? [] : (value.match(PART) ?? []);
    if (parts.length > MOST_PARTS) return null;
    const set = parts.map((part, at) => this.field(at === 0 ? this.name : `${this.name}_${at}`, part, life));
    for (const name of before.keys()) {
      const part = name === this.name ? 0 : this.partOf(name);
      if (part >= parts.length) set.push(this.field(name, '', { ...life, maxAge_s: 0 }));
    }
    return set;
  }

  /** Set-Cookie of a log-in that begins (or, with a life of 0, is over): sent when the provider sends the browser back. */
  login(name: string, value: string, life: CookieLife): string {
    // The way back is a navigation from another site: Strict would keep the cookie from it.
    const { cookie_same_site } = this.config;
    return this.field(name, value, life, cookie_same_site === 'None' ? 'None' : 'Lax');
  }

  private field(
    name: string,
    value: string,
    life: CookieLife,
    sameSite: string = this.config.cookie_same_site,
  ): string {
    const { cookie_path, cookie_domain, cookie_secure, cookie_http_only } = this.config;
    const isSecure = cookie_secure ?? (life.isSecure || sameSite === 'None');
    return [
      `${name}=${value}`,
      `Path=${cookie_path}`,
      ...(cookie_domain === undefined ? [] : [`Domain=${cookie_domain}`]),
      `Max-Age=${life.maxAge_s}`,
      ...(isSecure ? ['Secure'] : []),
      ...(cookie_http_only ? ['HttpOnly'] : []),
      ...(sameSite === 'Default' ? [] : [`SameSite=${sameSite}`]),
    ].join('; ');
  }

  /** 1 and up for a further part of the session's cookie, -1 for any other name. */
  private partOf(name: string): number {
    if (!name.startsWith(`${this.name}_`)) return -1;
    const text = name.slice(this.name.length + 1);
    return /^[1-9]$/.test(text) ? Number(text) : -1;
  }
}
