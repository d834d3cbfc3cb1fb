import { ClientError, definePlugin } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, HttpAnswer, Reply } from '../../sdk/index.ts';
import { headerNameFault } from '../../sdk/header-names.ts';
import { AuthOutage } from '../auth-outage.ts';
import { headerProblems, headerValueFault, pathBelow } from '../header-actions.ts';
import { Question } from './question.ts';
import { schema, type Config } from './schema.ts';

/** Of an answer's body. */
const MOST_ANSWER_BYTES = 1_048_576;

export default definePlugin({
  name: 'forward-auth',
  priority: 2_002,
  kind: 'authorization',
  summary: 'Asks a service outside whether a request may pass, and lets it say something to upstream and client.',
  schema,
  effects: ['network'],
  buffers: 'request',
  examples: [
    {
      title: 'The service judges by Authorization, and names the user',
      config: {
        uri: 'http://127.0.0.1:8082/auth',
        request_headers: ['Authorization'],
        upstream_headers: ['X-User-ID'],
        client_headers: ['Location', 'WWW-Authenticate'],
      },
    },
    {
      title: 'It judges by a member of the body',
      config: { uri: 'http://127.0.0.1:8082/auth', extra_headers: { tenant_id: '$post_arg.tenant_id' } },
    },
  ],
  check: problemsOf,
  // What the service is to see as the client says it cannot be taken out before.
  claims({ upstream_headers = [], request_headers }) {
    const asked = distinct(request_headers);
    return upstream_headers.filter((name) => !asked.has(name.toLowerCase()));
  },
  create(config, host) {
    const { allow_degradation, status_on_error } = config;
    const upstreamNames = distinct(config.upstream_headers);
    // What the body is belongs to it.
    const clientNames = distinct([...(config.client_headers ?? []), 'Content-Type', 'Content-Encoding']);
    const client = host.connect('http', {
      timeout_ms: config.timeout,
      max_response_bytes: MOST_ANSWER_BYTES,
      keepalive: config.keepalive,
      idle_connections: config.keepalive_pool,
      idle_ms: config.keepalive_timeout,
      tls: { verify: config.ssl_verify },
    });
    const outage = new AuthOutage(host, 'forward_auth_unavailable');
    const question = new Question(config);
    const unavailable: Reply | undefined = allow_degradation
      ? undefined
      : Object.freeze({
          status: status_on_error,
          code: 'auth_unavailable',
          body: Object.freeze({ message: 'the request cannot be authorized at present' }),
        });

    async function decide(exchange: Exchange): Promise<void | Reply> {
      const asked = await question.of(exchange);
      if (asked === null) return TOO_LARGE;
      // Whatever comes of it, the upstream believes these fields.
      for (const name of upstreamNames) {
        if (exchange.request.header(name) !== undefined) exchange.request.removeHeader(name);
      }
      try {
        const answer = await client.request(asked);
        if (exchange.isOver) return undefined;
        if (answer.status >= 300) return refusalOf(answer);
        for (const [name, value] of fieldsOf(answer, upstreamNames)) exchange.request.addHeader(name, value);
        return undefined;
      } catch (error) {
        outage.tell(error);
        // Its head said no, whatever became of the rest.
        if (error instanceof ClientError && error.status >= 300) return refusal(error.status, {}, '');
        return unavailable;
      }
    }

    function refusalOf(answer: HttpAnswer): Reply {
      const headers: Record<string, string[]> = {};
      for (const [name, value] of fieldsOf(answer, clientNames)) (headers[name] ??= []).push(value);
      return refusal(answer.status, headers, answer.body);
    }

    function refusal(status: number, headers: Record<string, string[]>, body: string | Uint8Array): Reply {
      return { status: status > 599 ? status_on_error : status, code: 'auth_refused', headers, body };
    }

    /** Values that could break a message are left out. */
    function fieldsOf(answer: HttpAnswer, names: ReadonlySet<string>): [name: string, value: string][] {
      return answer.headerEntries().filter(([name, value]) => {
        if (!names.has(name.toLowerCase())) return false;
        const fault = headerValueFault(value);
        if (fault !== null) host.log.warn('auth_header_unfit', { name, reason: fault });
        return fault === null;
      });
    }

    return { access: decide };
  },
});

/** In lower case. */
function distinct(names: readonly string[] = []): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

const TOO_LARGE: Reply = Object.freeze({
  status: 413,
  code: 'body_too_large',
  body: Object.freeze({ message: 'the body is too large' }),
});

function problemsOf(config: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const url = URL.parse(config.uri);
  if (url === null) problems.push({ path: 'uri', message: `${JSON.stringify(config.uri)} is no URL` });
  else if (url.username !== '' || url.password !== '') {
    problems.push({ path: 'uri', message: 'a URL with credentials is refused: put them into extra_headers' });
  }
  for (const list of ['request_headers', 'upstream_headers', 'client_headers'] as const) {
    for (const [index, name] of (config[list] ?? []).entries()) {
      const isHost = name.toLowerCase() === 'host' && list !== 'client_headers';
      const message = isHost
        ? 'Host says where a request goes: the service gets it as X-Forwarded-Host'
        : headerNameFault(name);
      if (message !== null) problems.push({ path: `${list}[${index}]`, message });
    }
  }
  const extra = Object.entries(config.extra_headers ?? {});
  return [...problems, ...headerProblems({ set: extra }, (_, name) => pathBelow('extra_headers', name))];
}
