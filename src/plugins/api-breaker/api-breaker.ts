import { definePlugin, ERRORS, exchangeKey } from '../../sdk/index.ts';
import type { Reply } from '../../sdk/index.ts';
import { headerProblems } from '../header-actions.ts';
import { compileTemplate } from '../template.ts';
import { BREAKER_NUMBERS, brokenFor, noteAnswer, type BreakerChange } from './breaker.ts';

/** An answer of which the head came counts by its status, however it ended. */
const hasHead = exchangeKey<boolean>('api-breaker head');

const statuses = <const D extends number>(first: D, minimum: number, maximum: number, description: string) =>
  ({
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    items: { type: 'integer', minimum, maximum },
    default: [first],
    description,
  }) as const;

export default definePlugin({
  name: 'api-breaker',
  priority: 1_005,
  kind: 'traffic',
  summary:
    'Answers in place of an upstream that keeps failing, for twice as long each time, until it is healthy again.',
  schema: {
    type: 'object',
    required: ['break_response_code'],
    properties: {
      break_response_code: {
        type: 'integer',
        minimum: 200,
        maximum: 599,
        description: 'Status of the answers that are given in place of the upstream.',
      },
      break_response_body: { type: 'string', description: 'Their body.' },
      break_response_headers: {
        type: 'array',
        description: 'Their fields; only beside `break_response_body`.',
        items: {
          type: 'object',
          required: ['key', 'value'],
          properties: {
            key: { type: 'string', minLength: 1, description: 'Name of a field.' },
            value: { type: 'string', minLength: 1, description: 'Its value, with variables such as `$remote_addr`.' },
          },
        },
      },
      max_breaker_sec: {
        type: 'integer',
        minimum: 3,
        maximum: 31_536_000,
        default: 300,
        description: 'The longest time that the upstream is spared, in seconds. It begins with 2 s and doubles.',
      },
      unhealthy: {
        type: 'object',
        description: 'What breaks it.',
        default: {},
        properties: {
          http_statuses: statuses(500, 500, 599, 'Statuses of the upstream that are failures.'),
          failures: { type: 'integer', minimum: 1, default: 3, description: 'Failures after which it is spared.' },
        },
      },
      healthy: {
        type: 'object',
        description: 'What ends it.',
        default: {},
        properties: {
          http_statuses: statuses(200, 200, 499, 'Statuses of the upstream that show that it is healthy.'),
          successes: {
            type: 'integer',
            minimum: 1,
            default: 3,
            description: 'Healthy answers in a row, without a failure between them, after which it counts as healthy.',
          },
        },
      },
    },
    dependentRequired: { break_response_headers: ['break_response_body'] },
  },
  examples: [
    {
      title: 'Break after three failures, and believe the first healthy answer',
      config: {
        break_response_code: 502,
        unhealthy: { http_statuses: [500, 503], failures: 3 },
        healthy: { http_statuses: [200], successes: 1 },
      },
    },
    {
      title: 'With an answer of its own',
      config: {
        break_response_code: 503,
        break_response_body: '{"message":"back in a moment"}',
        break_response_headers: [
          { key: 'Content-Type', value: 'application/json' },
          { key: 'X-Client-Addr', value: '$remote_addr:$remote_port' },
        ],
      },
    },
  ],
  check({ break_response_headers: fields = [] }) {
    const set = fields.map(({ key, value }) => [key, value] as const);
    return headerProblems({ set }, (_, name, index) =>
      set[index]?.[0] === name ? `break_response_headers[${index}]` : 'break_response_headers',
    );
  },
  create(config, { cells, clock, log, metrics, owner }) {
    const { break_response_code, break_response_body, break_response_headers = [], unhealthy, healthy } = config;
    const max_ms = config.max_breaker_sec * 1000;
    const settings = { failures: unhealthy.failures, successes: healthy.successes, max_ms };
    // Whatever is not followed by anything for so long is forgotten: longer than the longest break.
    const records = cells.records('breaker', { numbers: BREAKER_NUMBERS, keep_ms: 2 * max_ms });
    const fields = break_response_headers.map(({ key, value }) => [key, compileTemplate(value)] as const);
    const refused = metrics
      .counter('gatewright_api_breaker_refused_total', {
        help: 'Requests that api-breaker answered in place of an upstream.',
        labels: ['object'],
      })
      .series(owner.object);
    const isUnhealthy = new Set(unhealthy.http_statuses);
    const isHealthy = new Set(healthy.http_statuses);
    const change = (record: Float64Array, wasHealthy: boolean, now_ms: number): BreakerChange =>
      noteAnswer(record, wasHealthy, now_ms, settings);

    const note = (status: number): void => {
      const wasHealthy = isHealthy.has(status);
      if (!wasHealthy && !isUnhealthy.has(status)) return;
      // Most upstreams are healthy most of the time, and have no record.
      if (wasHealthy && records.read('') === null) return;
      const changed = records.update('', change, wasHealthy);
      if (changed === 'healthy') log.info('upstream_healthy');
      else if (changed > 0) log.warn('upstream_broken', { for_ms: changed, status });
    };
    return {
      access(exchange): Reply | undefined {
        const record = records.read('');
        if (record === null) return undefined;
        const broken_ms = brokenFor(record, clock.monotonic_ms());
        if (broken_ms === 0) return undefined;
        refused.add(1);
        const code = 'upstream_broken';
        const headers: Record<string, string> = { 'Retry-After': String(Math.ceil(broken_ms / 1000)) };
        for (const [name, template] of fields) headers[name] = template(exchange, null);
        const body = break_response_body ?? {
          message: 'the upstream fails and is spared for a while',
          code,
          request_id: exchange.id,
        };
        return { status: break_response_code, headers, code, body };
      },
      attempts: {
        answered(exchange, _node, status) {
          exchange.set(hasHead, true);
          note(status);
        },
      },
      log(exchange) {
        const { errorCode } = exchange.outcome;
        if (errorCode === '' || exchange.get(hasHead) === true) return;
        const row = Object.hasOwn(ERRORS, errorCode) ? ERRORS[errorCode as keyof typeof ERRORS] : undefined;
        if (row?.source === 'upstream') note(row.status);
      },
    };
  },
});
