import { checkExpression, compileExpression, definePlugin } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, Reply } from '../../sdk/index.ts';
import { headerNameFault } from '../../sdk/header-names.ts';
import { headerValueFault } from '../header-actions.ts';
import { compileTemplate } from '../template.ts';

const PERCENTAGE = {
  type: 'integer',
  minimum: 0,
  maximum: 100,
  description: 'How many of a hundred requests; without it, all.',
} as const;

const VARS = {
  type: 'array',
  maxItems: 20,
  items: { type: 'array', items: {} },
  description: 'Lists of conditions on variables: it takes part where all of one list hold.',
} as const;

export default definePlugin({
  name: 'fault-injection',
  priority: 11_000,
  kind: 'traffic',
  summary: 'Answers requests with an error, or lets them wait, to see how clients take it.',
  schema: {
    type: 'object',
    properties: {
      abort: {
        type: 'object',
        description: 'Answers in place of the upstream.',
        required: ['http_status'],
        properties: {
          http_status: { type: 'integer', minimum: 200, maximum: 599, description: 'Status of the answer.' },
          body: { type: 'string', minLength: 0, description: 'Its body, with variables such as `$remote_addr`.' },
          headers: {
            type: 'object',
            additionalProperties: { anyOf: [{ type: 'string' }, { type: 'number' }] },
            description: 'Its fields, with variables.',
          },
          percentage: PERCENTAGE,
          vars: VARS,
        },
      },
      delay: {
        type: 'object',
        description: 'Lets requests wait before they go on.',
        required: ['duration'],
        properties: {
          duration: { type: 'number', minimum: 0, maximum: 50, description: 'How long, in seconds.' },
          percentage: PERCENTAGE,
          vars: VARS,
        },
      },
    },
    anyOf: [{ required: ['abort'] }, { required: ['delay'] }],
    remedy: 'write "abort", "delay", or both',
  },
  examples: [
    { title: 'An error', config: { abort: { http_status: 404, body: 'APISIX Fault Injection' } } },
    { title: 'Latency', config: { delay: { duration: 3 } } },
    {
      title: 'For some requests',
      config: {
        abort: {
          http_status: 404,
          body: 'APISIX Fault Injection',
          headers: { 'X-APISIX-Remote-Addr': '$remote_addr' },
          vars: [[['arg_name', '==', 'john']]],
        },
      },
    },
  ],
  check({ abort, delay }) {
    const problems: ConfigProblem[] = [];
    for (const [name, value] of Object.entries(abort?.headers ?? {})) {
      const message = headerNameFault(name) ?? headerValueFault(value);
      if (message !== null) problems.push({ path: `abort.headers.${name}`, message });
    }
    return [...problems, ...conditionProblems('abort', abort?.vars), ...conditionProblems('delay', delay?.vars)];
  },
  create({ abort, delay }, host) {
    const random = (): number => host.random();
    const aborts = abort === undefined ? null : { takesPart: chooser(abort, random), reply: replyOf(abort) };
    const delays = delay === undefined ? null : { takesPart: chooser(delay, random), delay_ms: delay.duration * 1000 };
    const answer = (exchange: Exchange): Reply | undefined =>
      aborts?.takesPart(exchange) === true ? aborts.reply(exchange) : undefined;
    return {
      rewrite(exchange) {
        if (delays?.takesPart(exchange) !== true) return answer(exchange);
        return exchange.delay(delays.delay_ms).then(() => answer(exchange));
      },
    };
  },
});

type Vars = readonly (readonly unknown[])[];

function conditionProblems(at: string, vars: Vars = []): ConfigProblem[] {
  return vars.flatMap((conditions, i) => {
    const path = `${at}.vars[${i}]`;
    const faults = checkExpression(conditions);
    if (faults.length > 0) return faults.map((fault) => ({ path: path + fault.path, message: fault.message }));
    const { needsBody } = compileExpression(conditions);
    return needsBody
      ? [{ path, message: 'is decided before the body is there: use variables of the request head' }]
      : [];
  });
}

interface Chance {
  readonly percentage?: number;
  readonly vars?: Vars;
}

function chooser({ percentage = 100, vars = [] }: Chance, random: () => number): (exchange: Exchange) => boolean {
  const lists = vars.map((conditions) => compileExpression(conditions));
  return (exchange) => {
    if (percentage < 100 && random() * 100 >= percentage) return false;
    return lists.length === 0 || lists.some((list) => list.evaluate(exchange) === true);
  };
}

interface Abort {
  readonly http_status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
}

function replyOf({ http_status, body, headers = {} }: Abort): (exchange: Exchange) => Reply {
  const template = body === undefined ? null : compileTemplate(body);
  const fields = Object.entries(headers).map(([name, value]) => [name, compileTemplate(String(value))] as const);
  return (exchange) => {
    const made: Record<string, string> = {};
    // A Content-Type of its own comes later, and wins.
    if (template !== null) made['Content-Type'] = 'text/plain; charset=utf-8';
    for (const [name, value] of fields) {
      if (name.toLowerCase() === 'content-type') delete made['Content-Type'];
      made[name] = value(exchange, null);
    }
    const bytes = template === null ? undefined : Buffer.from(template(exchange, null), 'latin1');
    return {
      status: http_status,
      code: 'fault_injected',
      headers: made,
      ...(bytes === undefined ? {} : { body: bytes }),
    };
  };
}
