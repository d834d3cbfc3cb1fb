/** Health checks of an upstream: their shape, and what could never work. */
import type { Infer, Schema } from '../sdk/schema.ts';
import type { Report } from './object-model.ts';
import { pathOf, quote } from './problem.ts';

const count = <const D extends number>(value: D, description: string) =>
  ({ type: 'integer', minimum: 1, maximum: 254, default: value, description }) as const;
const passiveCount = <const D extends number>(value: D, description: string) =>
  ({ type: 'integer', minimum: 0, maximum: 254, default: value, description }) as const;
const statuses = <const D extends readonly number[]>(value: D, description: string) =>
  ({
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    items: { type: 'integer', minimum: 200, maximum: 599 },
    default: value,
    description,
  }) as const;
const INTERVAL = {
  type: 'integer',
  minimum: 1,
  maximum: 2_147_483,
  default: 1,
  description: 'Seconds between two probes of a node in this condition.',
} as const;
const FAILING = [429, 404, 500, 501, 502, 503, 504, 505] as const;

const ACTIVE = {
  type: 'object',
  description: 'Probes that the gateway sends.',
  properties: {
    type: { enum: ['http', 'https', 'tcp'], default: 'http', description: 'What a probe is.' },
    timeout: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 2_147_483,
      default: 1,
      description: 'Seconds until a probe has failed.',
    },
    // Without a default of its own, so that answers of the Admin API do not show it: ADC refuses a dump in which it stands.
    http_method: {
      enum: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'],
      description: 'Method of a probe; GET unless it is set.',
    },
    http_req_body: { type: 'string', maxLength: 65_536, description: 'Body of a probe.' },
    concurrency: { type: 'integer', minimum: 1, default: 10, description: 'Probes of this upstream at once.' },
    host: {
      type: 'string',
      minLength: 1,
      maxLength: 261,
      description: "Host field of a probe; the node's name by default.",
    },
    port: { type: 'integer', minimum: 1, maximum: 65535, description: "Port to probe instead of the node's." },
    http_path: { type: 'string', maxLength: 4096, default: '/', description: 'Path of a probe, with its query.' },
    https_verify_certificate: {
      type: 'boolean',
      default: true,
      description: "Whether the node's certificate is verified.",
    },
    req_headers: {
      type: 'array',
      minItems: 1,
      items: { type: 'string' },
      description: 'Further header lines of a probe.',
    },
    healthy: {
      type: 'object',
      default: {},
      properties: {
        interval: INTERVAL,
        http_statuses: statuses([200, 302], 'Statuses that count as a success.'),
        successes: count(2, 'Successes that make a node healthy.'),
      },
    },
    unhealthy: {
      type: 'object',
      default: {},
      properties: {
        interval: INTERVAL,
        http_statuses: statuses(FAILING, 'Statuses that count as a failure.'),
        http_failures: count(5, 'HTTP failures that make a node unhealthy.'),
        tcp_failures: count(2, 'TCP failures that make a node unhealthy.'),
        timeouts: count(3, 'Timeouts that make a node unhealthy.'),
      },
    },
  },
} as const satisfies Schema;

const PASSIVE = {
  type: 'object',
  description: 'Conclusions from the traffic itself.',
  properties: {
    type: { enum: ['http', 'https', 'tcp'], default: 'http', description: 'What is looked at.' },
    healthy: {
      type: 'object',
      default: {},
      properties: {
        http_statuses: statuses(
          [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308],
          'Statuses that count as a success.',
        ),
        successes: passiveCount(5, 'Successes that make a node healthy.'),
      },
    },
    unhealthy: {
      type: 'object',
      default: {},
      properties: {
        http_statuses: statuses([429, 500, 503], 'Statuses that count as a failure.'),
        tcp_failures: passiveCount(2, 'TCP failures that make a node unhealthy.'),
        timeouts: passiveCount(7, 'Timeouts that make a node unhealthy.'),
        http_failures: passiveCount(5, 'HTTP failures that make a node unhealthy.'),
      },
    },
  },
} as const satisfies Schema;

export const CHECKS = {
  type: 'object',
  description: 'Health checks; passive ones need active ones, which bring nodes back.',
  required: ['active'],
  properties: { active: ACTIVE, passive: PASSIVE },
} as const satisfies Schema;

export type ChecksObject = Infer<typeof CHECKS>;

const PATH = /^\/[\x21\x22\x24-\x7e\x80-\u{10ffff}]*$/u;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::\d{1,5})?$/;
const FIELD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[\t\x20-\x7e\x80-\xff]*$/;
/** The prober writes these itself: a second one would make its request ambiguous. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'upgrade', 'te']);

/** Cross-field rules; `at` is the path of the checks with a dot at the end. */
export function checkChecks({ active, passive }: ChecksObject, at: string, report: Report): void {
  if (active.type !== 'tcp') checkProbe(active, `${at}active.`, report);
  checkStatuses(active.healthy, active.unhealthy, `${at}active`, report);
  if (passive !== undefined) checkStatuses(passive.healthy, passive.unhealthy, `${at}passive`, report);
}

function checkProbe(active: ChecksObject['active'], at: string, report: Report): void {
  const { http_path, host, req_headers } = active;
  if (!PATH.test(http_path)) {
    const message = `${quote(http_path)} is no path: it must begin with / and hold neither spaces nor #`;
    report(`${at}http_path`, 'invalid_value', message, http_path);
  }
  if (host !== undefined && !HOST.test(host)) {
    report(
      `${at}host`,
      'invalid_value',
      `${quote(host)} is no host: write a name or an address, with :port or not`,
      host,
    );
  }
  req_headers?.forEach((line, i) => {
    const path = pathOf(`${at}req_headers`, i);
    const name = line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase();
    // Without the line itself: it may hold a credential.
    if (!FIELD.test(line)) report(path, 'invalid_value', 'this is no header line: write Name: value, on one line');
    else if (OWN_FIELDS.has(name)) {
      report(path, 'invalid_value', `a probe has a ${name} of its own: leave this one out`);
    }
  });
}

interface Statuses {
  readonly http_statuses: readonly number[];
}

/** A failure wins where both lists have a status: what is left must still be able to bring a node back. */
function checkStatuses(healthy: Statuses, unhealthy: Statuses, at: string, report: Report): void {
  const failing = new Set(unhealthy.http_statuses);
  if (healthy.http_statuses.some((status) => !failing.has(status))) return;
  const message =
    'every one of these is in unhealthy.http_statuses too, so that no check could ever succeed: name one that is not';
  report(`${at}.healthy.http_statuses`, 'conflict', message);
}
