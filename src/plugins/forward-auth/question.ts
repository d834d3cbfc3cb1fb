/** What the authorization service is asked about a request. */
import { createBodyVariables, isBodyVariable, type ConditionSource } from '../../sdk/conditions.ts';
import type { Exchange, HttpRequest } from '../../sdk/index.ts';
import { withoutControls } from '../header-actions.ts';
import { compileTemplate, type Template, type TemplateSource } from '../template.ts';
import type { Config } from './schema.ts';

/** A longer body gives no values, as in the conditions of routes. */
const MOST_VALUE_BYTES = 65_536;

type Body = NonNullable<ConditionSource['body']>;

export class Question {
  private readonly config: Config;
  private readonly extra: readonly (readonly [name: string, value: Template])[];
  private readonly needsValues: boolean;
  /** Of the body that has to be there; 0 for none. */
  private readonly most_bytes: number;

  constructor(config: Config) {
    this.config = config;
    const texts = Object.entries(config.extra_headers ?? {});
    this.needsValues = texts.some(([, text]) => /\$\{?(?:post_arg[._]|graphql_)/.test(String(text)));
    this.extra = texts.map(([name, text]) => [
      name,
      compileTemplate(String(text), { hasBody: true, value: () => withoutControls }),
    ]);
    const sent = config.request_method === 'POST' ? config.max_req_body_size : Infinity;
    const read = this.needsValues ? MOST_VALUE_BYTES : Infinity;
    const most = Math.min(sent, read);
    this.most_bytes = Number.isFinite(most) ? most : 0;
  }

  /** Null where the body is longer than it may be. */
  async of(exchange: Exchange): Promise<HttpRequest | null> {
    const { config, most_bytes } = this;
    const body = most_bytes === 0 ? NO_BODY : await exchange.request.readBody(most_bytes);
    if (body === null) return null;
    const isPost = config.request_method === 'POST';
    return {
      url: config.uri,
      method: config.request_method,
      headers: this.headersOf(exchange, body),
      isRepeatable: true,
      ...(isPost ? { body } : {}),
    };
  }

  /** Later ones go before earlier ones of the same name. */
  private headersOf(exchange: Exchange, body: Uint8Array): Record<string, string | string[]> {
    const { request } = exchange;
    const { request_method, request_headers = [] } = this.config;
    const headers: Record<string, string | string[]> = {};
    const ofBody = request_method === 'POST' ? ['Content-Type', 'Content-Encoding'] : [];
    for (const name of [...ofBody, ...request_headers]) {
      const values = request.headerAll(name);
      if (values.length > 0) headers[name.toLowerCase()] = values;
    }
    headers['x-forwarded-proto'] = request.scheme;
    headers['x-forwarded-method'] = request.method;
    headers['x-forwarded-host'] = request.host;
    headers['x-forwarded-uri'] = request.query === '' ? request.path : `${request.path}?${request.query}`;
    headers['x-forwarded-for'] = exchange.remoteAddress;
    if (this.extra.length === 0) return headers;
    const source = this.needsValues ? withBody(exchange, body) : exchange;
    for (const [name, template] of this.extra) {
      const value = template(source, null);
      // What the operator names is never the client's, even if there is nothing to say.
      if (value === '') delete headers[name.toLowerCase()];
      else headers[name.toLowerCase()] = value;
    }
    return headers;
  }
}

const NO_BODY = new Uint8Array();

function withBody(exchange: Exchange, bytes: Uint8Array): TemplateSource {
  const { request } = exchange;
  const body = createBodyVariables({
    contentType: request.header('content-type') ?? '',
    text: Buffer.from(bytes).toString('utf8'),
    query: request.query,
  });
  return { variable: (name) => (isBodyVariable(name) ? textOf(body, name) : exchange.variable(name)) };
}

/** Numbers and booleans as JSON writes them; lists and objects too. */
function textOf(body: Body, name: string): string | undefined {
  const value = body.value(name);
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
