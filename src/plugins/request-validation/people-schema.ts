/**
 * JSON Schemas that people write, for data that passes through: apart from those of the gateway's own configuration, and not as
 * strict about how they are written. Patterns run on the engine that takes time linear in the text.
 */
import { createRequire } from 'node:module';
import type * as ajvModule from 'ajv';
import type { ErrorObject } from 'ajv';
import { compileRegex } from '../../sdk/index.ts';

/** Null for data that follows the schema, else what is wrong with it first. */
export type CheckData = (data: unknown) => string | null;

/** Throws an Error that says why a schema cannot be used. */
export function compileSchema(schema: Readonly<Record<string, unknown>>): CheckData {
  // Loaded when it is first needed: a worker without such a plugin has no use for it.
  const { Ajv } = createRequire(import.meta.url)('ajv') as typeof ajvModule;
  const ajv = new Ajv({
    strict: false,
    // Formats say what a text means; none is enforced.
    validateFormats: false,
    verbose: true,
    ownProperties: true,
    logger: false,
    code: { regExp: Object.assign((pattern: string) => regexOf(pattern), { code: 'compileRegex' }) },
  });
  // Which draft it says it is written for changes nothing: what it says is read alike.
  const { $schema: _draft, ...rest } = schema;
  const validate = ajv.compile(rest);
  return (data) => (validate(data) ? null : describe(validate.errors?.[0]));
}

/** What Ajv uses of a regular expression. */
function regexOf(pattern: string): RegExp {
  const regex = compileRegex(pattern);
  return { test: (text: string) => regex.test(text) } as unknown as RegExp;
}

/** In the words of APISIX, where its documentation has some. */
function describe(error: ErrorObject | undefined): string {
  if (error === undefined) return 'does not follow the schema';
  const { keyword, instancePath, params, data, message = 'is wrong' } = error;
  const at = instancePath.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~');
  const facts = params as Readonly<Record<string, unknown>>;
  if (keyword === 'required') {
    const missing = String(facts['missingProperty']);
    return `property ${JSON.stringify(at === '' ? missing : `${at}.${missing}`)} is required`;
  }
  const reason =
    keyword === 'pattern'
      ? `failed to match pattern ${JSON.stringify(facts['pattern'])} with ${shown(data)}`
      : keyword === 'enum'
        ? 'matches none of the enum values'
        : keyword === 'type'
          ? `wrong type: expected ${String(facts['type'])}, got ${typeOf(data)}`
          : message;
  return at === '' ? reason : `property ${JSON.stringify(at)} validation failed: ${reason}`;
}

const MAX_SHOWN = 200;

function shown(data: unknown): string {
  const text = JSON.stringify(data) ?? String(data);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function typeOf(data: unknown): string {
  return data === null ? 'null' : Array.isArray(data) ? 'array' : typeof data;
}
