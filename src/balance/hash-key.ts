/**
 * What the hash key of a `chash` upstream is made of: `hash_on` and `key`, by the rules of APISIX's Admin API
 * documentation (Upstream). Everything is brought down to variables, since a header, a cookie and the consumer's name
 * are variables too (`http_x`, `cookie_x`, `consumer_name`).
 */

export type HashOn = 'vars' | 'header' | 'cookie' | 'consumer' | 'vars_combinations';

export type HashKeySource =
  | {
      readonly kind: 'vars' | 'header' | 'cookie' | 'consumer';
      /** The key as configured, of a header in lower case; '' for `consumer`. */
      readonly name: string;
      /** The variable that has the value. */
      readonly variable: string;
    }
  | { readonly kind: 'vars_combinations'; readonly parts: readonly TemplatePart[] };

/** Text that stands for itself, or a variable in its place. */
export type TemplatePart = { readonly text: string } | { readonly variable: string };

export interface HashKeyProblem {
  readonly path: 'hash_on' | 'key';
  readonly code: 'required' | 'wrong_type' | 'unknown_value' | 'malformed' | 'unsupported';
  readonly message: string;
}

/** `source` is null exactly when there are problems. */
export interface ParsedHashKey {
  readonly source: HashKeySource | null;
  readonly problems: readonly HashKeyProblem[];
}

/** The variable that takes the place of a missing value, in APISIX and here. */
export const FALLBACK_VARIABLE = 'remote_addr';

/** The variables that `hash_on: vars` takes, besides `arg_NAME`. */
export const HASH_VARIABLES: readonly string[] = [
  'uri',
  'server_name',
  'server_addr',
  'request_uri',
  'remote_port',
  'remote_addr',
  'query_string',
  'host',
  'hostname',
  'mqtt_client_id',
];

const HASH_ON: readonly HashOn[] = ['vars', 'header', 'cookie', 'consumer', 'vars_combinations'];
const ARGUMENT = /^arg_[0-9A-Za-z_-]+$/;
const HEADER = /^[0-9A-Za-z_-]+$/;
/** RFC 6265 §4.1.1: the name of a cookie is a token. */
const COOKIE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TEMPLATE_VARIABLE = /\$(?:\{([0-9A-Za-z_]+)\}|([0-9A-Za-z_]+))/y;

/**
 * Checks the two attributes as they stand in the configuration and says what the key is made of. Pure; never throws.
 * `hash_on` that is absent (undefined or null) means `vars`.
 */
export function parseHashKey(hashOn: unknown, key: unknown): ParsedHashKey {
  const kind = hashOn ?? 'vars';
  if (!isHashOn(kind)) {
    return refuse('hash_on', 'unknown_value', `hash_on ${show(kind)} is unknown; use one of ${HASH_ON.join(', ')}`);
  }
  // The key is optional here: the consumer's name is the key, whatever it says.
  if (kind === 'consumer') return accept({ kind, name: '', variable: 'consumer_name' });
  if (key === undefined || key === null || key === '') {
    return refuse('key', 'required', `hash_on ${kind} needs a key; ${REMEDIES[kind]}`);
  }
  if (typeof key !== 'string')
    return refuse('key', 'wrong_type', `key ${show(key)} must be a string; ${REMEDIES[kind]}`);
  if (kind === 'vars') return parseVariable(key);
  if (kind === 'vars_combinations') return parseTemplate(key);
  const isHeader = kind === 'header';
  if (!(isHeader ? HEADER : COOKIE).test(key)) {
    const allowed = isHeader ? 'letters, digits, "-" and "_"' : 'the characters of a cookie name (RFC 6265 §4.1.1)';
    return refuse('key', 'malformed', `key ${show(key)} names no ${kind}; use ${allowed} only`);
  }
  const name = isHeader ? key.toLowerCase() : key;
  return accept({ kind, name, variable: isHeader ? `http_${name.replaceAll('-', '_')}` : `cookie_${name}` });
}

/**
 * The hash key of one request. A value that is missing or empty is replaced by the client's address; of a combination,
 * only when none of its variables has a value. `variable` gives the value of a variable, undefined if there is none.
 */
export function readHashKey(source: HashKeySource, variable: (name: string) => string | undefined): string {
  const value = source.kind === 'vars_combinations' ? fillTemplate(source.parts, variable) : variable(source.variable);
  return value || (variable(FALLBACK_VARIABLE) ?? '');
}

/** The variables that a key is made of: for compile to check that each is one that requests have. */
export function hashKeyVariables(source: HashKeySource): string[] {
  if (source.kind !== 'vars_combinations') return [source.variable];
  return source.parts.flatMap((part) => ('variable' in part ? [part.variable] : []));
}

const REMEDIES: Readonly<Record<Exclude<HashOn, 'consumer'>, string>> = {
  vars: 'name a variable such as "remote_addr"',
  header: 'name a header such as "x-user"',
  cookie: 'name a cookie such as "sid"',
  vars_combinations: 'combine variables as in "$request_uri$remote_addr"',
};

function parseVariable(key: string): ParsedHashKey {
  if (HASH_VARIABLES.includes(key) || ARGUMENT.test(key)) return accept({ kind: 'vars', name: key, variable: key });
  return refuse('key', 'unsupported', `key ${show(key)} cannot be hashed on; ${variableRemedy(key)}`);
}

function variableRemedy(key: string): string {
  if (key.includes('$')) return 'leave out the "$", or set hash_on to vars_combinations';
  if (key.startsWith('http_')) return `set hash_on to header and key to "${key.slice(5).replaceAll('_', '-')}"`;
  if (key.startsWith('cookie_')) return `set hash_on to cookie and key to "${key.slice(7)}"`;
  if (key === 'consumer_name') return 'set hash_on to consumer';
  return `use one of ${HASH_VARIABLES.join(', ')}, arg_NAME, or set hash_on to vars_combinations`;
}

function parseTemplate(key: string): ParsedHashKey {
  const parts: TemplatePart[] = [];
  let at = 0;
  while (at < key.length) {
    const dollar = key.indexOf('$', at);
    const end = dollar < 0 ? key.length : dollar;
    if (end > at) parts.push({ text: key.slice(at, end) });
    if (dollar < 0) break;
    TEMPLATE_VARIABLE.lastIndex = dollar;
    const found = TEMPLATE_VARIABLE.exec(key);
    if (found === null) {
      const problem = `key ${show(key)} has a "$" at position ${dollar} that begins no variable`;
      return refuse('key', 'malformed', `${problem}; write $NAME or \${NAME} with letters, digits and "_"`);
    }
    parts.push({ variable: (found[1] ?? found[2])! });
    at = TEMPLATE_VARIABLE.lastIndex;
  }
  if (!parts.some((part) => 'variable' in part)) {
    const problem = `key ${show(key)} has no variable, so every request would go to one node`;
    return refuse('key', 'malformed', `${problem}; ${REMEDIES.vars_combinations}`);
  }
  return accept({ kind: 'vars_combinations', parts });
}

function fillTemplate(parts: readonly TemplatePart[], variable: (name: string) => string | undefined): string {
  let filled = '';
  let hasValue = false;
  for (const part of parts) {
    if ('text' in part) {
      filled += part.text;
      continue;
    }
    const value = variable(part.variable);
    if (!value) continue;
    filled += value;
    hasValue = true;
  }
  return hasValue ? filled : '';
}

function isHashOn(value: unknown): value is HashOn {
  return HASH_ON.some((kind) => kind === value);
}

function accept(source: HashKeySource): ParsedHashKey {
  return { source, problems: [] };
}

function refuse(path: HashKeyProblem['path'], code: HashKeyProblem['code'], message: string): ParsedHashKey {
  return { source: null, problems: [{ path, code, message }] };
}

/** A value of the configuration as it is shown in a message: bounded, and safe for values that refer to themselves. */
function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'of a list' : 'of an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
