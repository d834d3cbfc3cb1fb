/** `uri-host [":" port]` as Host and absolute-form targets hold it (RFC 9110 §7.2, RFC 3986 §3.2.2). */
import { isIPv6 } from 'node:net';

export interface Authority {
  /** As sent; what is forwarded. */
  readonly text: string;
  /** Lower case, without port and without a trailing dot; what routes are matched by. */
  readonly host: string;
}

/**
 * Labels with dots between them, and perhaps behind the last one: what has none between two dots, servers shorten or do not.
 * Without percent-encoding, which RFC 3986 §3.2.2 has for names beyond ASCII: `%61` is an `a` to some and none to others, and no
 * client sends it.
 */
const REGISTERED_NAME = /^[A-Za-z0-9_~!$&'()*+,;=-]+(?:\.[A-Za-z0-9_~!$&'()*+,;=-]+)*\.?$/;
const PORT = /^[0-9]{0,5}$/;

/** @returns null if the text is no authority; user information is refused too, it has no place in a request */
export function parseAuthority(text: string): Authority | null {
  const name = text.startsWith('[') ? literalOf(text) : nameOf(text);
  if (name === null) return null;
  const port = text.slice(name.length);
  if (port !== '' && (!port.startsWith(':') || !PORT.test(port.slice(1)) || Number(port.slice(1)) > 65_535))
    return null;
  const host = name.toLowerCase();
  return { text, host: host.endsWith('.') && host.length > 1 ? host.slice(0, -1) : host };
}

function literalOf(text: string): string | null {
  const end = text.indexOf(']');
  return end > 0 && isIPv6(text.slice(1, end)) && !text.slice(1, end).includes('%') ? text.slice(0, end + 1) : null;
}

function nameOf(text: string): string | null {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  return REGISTERED_NAME.test(name) ? name : null;
}

const MOST_REMEMBERED = 1_024;

/** The authorities seen lately: clients send the same few names. Forgets all of them when there are too many. */
export class AuthorityMemo {
  private readonly seen = new Map<string, Authority>();

  /** @returns null if the text is no authority */
  get(text: string): Authority | null {
    const known = this.seen.get(text);
    if (known !== undefined) return known;
    const authority = parseAuthority(text);
    if (authority === null) return null;
    if (this.seen.size >= MOST_REMEMBERED) this.seen.clear();
    this.seen.set(text, authority);
    return authority;
  }
}
