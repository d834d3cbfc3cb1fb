/** Explains a request: a real gateway in virtual time, whose nodes and whose outer world are not there. */
import { nearRoutes } from '../compile/near-routes.ts';
import type { ActiveUse } from '../compile/merge.ts';
import { pluginsOfConsumer } from '../compile/known-consumer.ts';
import type { Chain, Step } from '../compile/chain.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { failuresOf } from '../router/failures.ts';
import type { RouteRequest } from '../router/router.ts';
import { cookieOf } from '../router/variables.ts';
import { ClientError } from '../sdk/clients.ts';
import type { CheckedConfiguration } from '../testing/compiled-configuration.ts';
import type { RequestOptions } from '../testing/test-client.ts';
import type { TestResult } from '../testing/result.ts';
import type { Effects } from '../testing/scripted-clients.ts';
import { gatewayWith } from '../testing/test-gateway.ts';
import type { Answer, ChosenRoute, ConsideredRoute, Explanation, PhasePlugin } from './explanation.ts';
import { PHASES } from './explanation.ts';

export interface ExplainOptions extends RequestOptions {
  /** A path, or a URL with its host. */
  readonly target: string;
  /** Wall-clock time. */
  readonly now: Date;
}

const MOST_CONSIDERED = 50;
const MOST_SCANNED = 50_000;

/**
 * Sends the request through the configuration: the real router, plugins, balancers and limits, with counts that begin at
 * nothing, upstreams that all answer, and no way out for plugins. Throws ConfigurationError; TypeError for what cannot be sent.
 */
export async function explain(configuration: CheckedConfiguration, options: ExplainOptions): Promise<Explanation> {
  const { target, now, ...request } = options;
  const dependsOn: string[] = [];
  const told: { exchange?: Exchange; snapshot?: Snapshot } = {};
  const gateway = gatewayWith(configuration, {
    now,
    effects: recorded(dependsOn),
    onExchange: (exchange, snapshot) => void Object.assign(told, { exchange, snapshot }),
  });
  try {
    const result = await gateway.request(target, request);
    const { exchange, snapshot } = told;
    if (exchange === undefined || snapshot === undefined) {
      throw new TypeError('the gateway did not take it for a request');
    }
    return explanationOf(exchange, snapshot, result, dependsOn);
  } finally {
    await gateway.close();
  }
}

/** Nobody is there, and who was asked is noted. */
function recorded(dependsOn: string[]): Effects {
  const refuse = (what: string): Promise<never> => {
    dependsOn.push(what);
    return Promise.reject(new ClientError('without_effects', 'nothing is reached from here: this is an explanation'));
  };
  return {
    http: ({ method, url }) => refuse(`${method} ${url}`),
    redis: { run: () => refuse('Redis'), command: () => refuse('Redis') },
    ldap: { accepts: () => refuse('a directory'), find: () => refuse('a directory') },
  };
}

function explanationOf(
  exchange: Exchange,
  snapshot: Snapshot,
  result: TestResult,
  dependsOn: readonly string[],
): Explanation {
  const asked = asRouted(exchange);
  const { matched } = exchange;
  const [sent = null] = result.seen.slice(-1);
  return {
    request: {
      method: exchange.method,
      host: exchange.host,
      path: exchange.path,
      from: exchange.downstream.remoteAddress,
    },
    route: matched === null ? null : chosen(exchange),
    considered: considered(snapshot, matched, asked),
    near: matched === null ? nearRoutes(snapshot, asked, { most: 5, scanned: MOST_SCANNED }) : [],
    phases: phasesOf(exchange, snapshot),
    consumer: result.consumer,
    limits: result.limits,
    attempts: result.attempts,
    sent: sent === null ? null : pick(sent),
    answer: answerOf(result, exchange.variable('auth_reason') ?? ''),
    dependsOn: [...new Set(dependsOn)],
  };
}

/** The request as it was when its route was looked for: plugins may have changed it since. */
function asRouted(exchange: Exchange): RouteRequest {
  const { head, method, host, path, body } = exchange;
  return {
    method,
    host,
    path,
    body,
    remoteAddress: exchange.downstream.remoteAddress,
    variable(name) {
      if (name.startsWith('http_') && name !== 'http_host') return head.get(name.slice(5).replaceAll('_', '-'));
      if (name.startsWith('cookie_')) return cookieOf(head.get('cookie') ?? '', name.slice(7));
      if (name === 'remote_addr') return exchange.downstream.remoteAddress;
      if (name.startsWith('uri_param_')) return this.parameters?.get(name.slice(10));
      return exchange.variable(name);
    },
  };
}

function chosen(exchange: Exchange): ChosenRoute {
  const { id, name, serviceId, uri, host } = exchange.route;
  return { id, name, serviceId, uri, host, upstream: exchange.upstreamKey };
}

function considered({ memory }: Snapshot, matched: Exchange['matched'], asked: RouteRequest): ConsideredRoute[] {
  if (memory === undefined) return [];
  let isFound = false;
  const seen = new Set<string>();
  const routes: ConsideredRoute[] = [];
  for (const { id, text, isPrefix } of memory.table.considered(asked, MOST_CONSIDERED)) {
    const entry = memory.routes.get(id)?.entry;
    if (entry === undefined || seen.has(id)) continue;
    seen.add(id);
    const uri = isPrefix ? `${text}*` : text;
    const [failure] = failuresOf(entry, asked, memory.matching.mode);
    const isChosen: boolean = !isFound && matched?.id === id;
    const verdict = isChosen ? 'serves' : isFound ? 'later' : 'fails';
    routes.push({ id, name: entry.value.name, uri, verdict, reason: isFound ? '' : (failure?.message ?? '') });
    isFound ||= isChosen;
  }
  return routes;
}

function phasesOf(exchange: Exchange, snapshot: Snapshot): Explanation['phases'] {
  const owners = ownersOf(exchange, snapshot);
  const chain: Chain = exchange.chain;
  const phases: Partial<Record<(typeof PHASES)[number], readonly PhasePlugin[]>> = {};
  for (const phase of PHASES) {
    if (chain[phase].length === 0) continue;
    phases[phase] = chain[phase].map((step) => ({
      plugin: step.plugin,
      priority: step.priority,
      object: owners.get(step) ?? '',
      isFilteredOut: step.filter !== null && !exchange.passesFilter(step),
    }));
  }
  return phases;
}

function ownersOf({ matched, consumer }: Exchange, { memory }: Snapshot): ReadonlyMap<Step, string> {
  const uses: ActiveUse[] = [...(memory?.chains.globals ?? []), ...(matched?.plugins?.enabled ?? [])];
  if (consumer !== null) uses.push(...(pluginsOfConsumer(consumer)?.enabled ?? []));
  return new Map(uses.map(({ step, object }) => [step, object]));
}

function pick({ node, method, target, rawHeaders }: TestResult['seen'][number]): NonNullable<Explanation['sent']> {
  return { node, method, target, rawHeaders };
}

function answerOf({ status, repliedBy, errorCode, rawHeaders, body }: TestResult, reason: string): Answer {
  if (repliedBy === 'upstream') return { status: 0, repliedBy, errorCode, reason, headers: [], body: '' };
  return { status, repliedBy, errorCode, reason, headers: rawHeaders, body };
}
