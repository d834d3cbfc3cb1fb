import { checkExpression, compileExpression, type ConfigProblem, definePlugin } from '../../sdk/index.ts';
import { compileHeaderActions } from '../header-actions.ts';
import { dropContentFields } from './content-fields.ts';
import { filterProblems } from './filter.ts';
import { filteredBody } from './filtered-body.ts';
import { changesOf, headersProblems } from './header-changes.ts';
import { type Config, schema } from './schema.ts';

/** Statuses of responses without a body (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

export default definePlugin({
  name: 'response-rewrite',
  priority: 899,
  kind: 'transformation',
  summary: "Changes the status, the header fields and the body of responses, the gateway's own included.",
  schema,
  examples: [
    {
      title: 'Name the node in responses that went well',
      config: { headers: { set: { 'X-Server': '$balancer_ip:$balancer_port' } }, vars: [['status', '==', 200]] },
    },
    { title: 'Another body', config: { status_code: 503, body: '{"message":"closed for maintenance"}' } },
    {
      title: 'Hide internal names',
      config: { filters: [{ regex: 'internal\\.example', scope: 'global', replace: 'www.example' }] },
    },
  ],
  check: (config) => [
    ...bodyProblems(config),
    ...varsProblems(config),
    ...headersProblems(config),
    ...(config.filters ?? []).flatMap((filter, i) => filterProblems(filter, `filters[${i}]`)),
  ],
  create(config, host) {
    const { status_code, filters, vars = [], max_resp_body_size } = config;
    const body = bodyOf(config);
    const condition = vars.length === 0 ? null : compileExpression(vars);
    const changeHeaders = compileHeaderActions(changesOf(config));
    const filtered = filters === undefined ? null : filteredBody(filters, max_resp_body_size, host);
    return {
      // A part of a body that changes is a part of nothing: the upstream is asked for the whole.
      ...((body !== null || filtered !== null) && {
        beforeProxy({ request }) {
          if (request.header('range') !== undefined) request.removeHeader('Range');
        },
      }),
      responseHead(exchange) {
        const { response } = exchange;
        if (condition !== null && condition.evaluate(exchange) !== true) return;
        const wasBodiless = BODILESS.has(response.status);
        if (status_code !== undefined) response.setStatus(status_code);
        const isBodiless = BODILESS.has(response.status);
        if (body !== null) {
          dropContentFields(response);
          response.replaceBody(body);
        } else if (isBodiless !== wasBodiless) response.replaceBody('');
        else if (filtered !== null && !isBodiless) filtered.begin(exchange);
        changeHeaders?.(response, exchange, null);
      },
      ...(filtered !== null && {
        responseBody: (exchange, piece, isLast) => filtered.take(exchange, piece, isLast),
      }),
    };
  },
});

function bodyOf({ body, body_base64: isBase64 }: Config): Buffer | null {
  return body === undefined ? null : Buffer.from(body, isBase64 ? 'base64' : 'utf8');
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

function bodyProblems({ body, body_base64, filters, status_code }: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report = (path: string, message: string): void => void problems.push({ path, message });
  if (body !== undefined && filters !== undefined) {
    report('filters', '"body" takes the place of what filters would change: keep one of them');
  }
  if (body_base64 && body === undefined) report('body_base64', 'there is no "body" to decode');
  if (body_base64 && body !== undefined && !BASE64.test(body.replaceAll(/[\r\n]/g, ''))) {
    report('body', 'is no Base64: leave out "body_base64" to send it as it is');
  }
  if (status_code === undefined || !BODILESS.has(status_code)) return problems;
  if (body !== undefined && body !== '')
    report('body', `a response of status ${status_code} has no body: leave it out`);
  if (filters !== undefined) report('filters', `a response of status ${status_code} has no body: leave them out`);
  return problems;
}

function varsProblems({ vars = [] }: Config): ConfigProblem[] {
  const problems = checkExpression(vars).map(({ path, message }) => ({ path: `vars${path}`, message }));
  if (problems.length > 0 || vars.length === 0 || !compileExpression(vars).needsBody) return problems;
  return [
    { path: 'vars', message: 'the body of the request is not kept: use variables of its head, or of the response' },
  ];
}
