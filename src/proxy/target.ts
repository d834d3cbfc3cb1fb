/** The request target (RFC 9112 §3.2), taken apart and in its one spelling. */
import { normalizePath } from '../router/path.ts';

export interface Target {
  /** Normalised; what routes are matched by and what is forwarded. */
  readonly path: string;
  /** With its question mark, '' without a query. */
  readonly query: string;
  /** Of an absolute-form target: it replaces Host (RFC 9112 §3.2.2). Null for the other forms. */
  readonly authority: string | null;
}

/** The request line, as sent. */
export interface RequestStart {
  readonly method: string;
  readonly target: string;
}

const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)([^#]*)$/i;

/** Characters that no query may hold (RFC 3986 §3.4), as far as no client is known to send them unencoded. */
const FRAGMENT = '#';

/** An origin-form target of which the parser saw that its path is in its one spelling already (`parsed.isPlainTarget`). */
export function plainTarget(target: string): Target {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: '', authority: null };
  return { path: target.slice(0, mark), query: target.slice(mark), authority: null };
}

/** @returns null for a target that is malformed, or of a form that goes with no method but another one */
export function parseTarget(target: string, method: string, mergeSlashes: boolean): Target | null {
  if (target.charCodeAt(0) === 47) return parseOriginForm(target, mergeSlashes, null);
  if (target === '*') return method === 'OPTIONS' ? { path: '*', query: '', authority: null } : null;
  const absolute = ABSOLUTE_FORM.exec(target);
  if (absolute === null) return null;
  const [, authority = '', rest = ''] = absolute;
  if (authority === '') return null;
  return parseOriginForm(rest.startsWith('/') ? rest : `/${rest}`, mergeSlashes, authority);
}

function parseOriginForm(target: string, mergeSlashes: boolean, authority: string | null): Target | null {
  if (target.includes(FRAGMENT)) return null;
  const mark = target.indexOf('?');
  const raw = mark < 0 ? target : target.slice(0, mark);
  const path = normalizePath(raw, mergeSlashes);
  return path === null ? null : { path, query: mark < 0 ? '' : target.slice(mark), authority };
}
