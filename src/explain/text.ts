/** An explanation as people read it in a terminal. */
import type { Answer, ConsideredRoute, Explanation, PhasePlugin } from './explanation.ts';
import { PHASES } from './explanation.ts';

const MOST_BODY = 1_000;

export function explanationText(explanation: Explanation): string {
  const { request, dependsOn } = explanation;
  const host = request.host === '' ? '' : ` of ${request.host}`;
  const parts = [
    [`${request.method} ${request.path}${host}, from ${request.from}`],
    routeLines(explanation),
    phaseLines(explanation),
    whoLines(explanation),
    answerLines(explanation),
    dependsOn.length === 0
      ? []
      : ['what was not asked, though the answer depends on it', ...dependsOn.map((what) => `  ${what}`)],
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map(printable).join('\n'))
    .join('\n\n')}\n`;
}

function routeLines({ route, considered, near }: Explanation): string[] {
  const failed = considered.filter(({ verdict }) => verdict === 'fails');
  const later = considered.filter(({ verdict }) => verdict === 'later');
  if (route === null) {
    return ['no route serves it', ...near.map(({ id, name, failure }) => `  ${nameOf(id, name)}: ${failure.message}`)];
  }
  const { id, name, host, uri, serviceId, upstream } = route;
  return [
    `route ${nameOf(id, name)} serves it, by ${host === '' ? '' : `host ${host} and `}uri ${uri}`,
    ...(serviceId === '' ? [] : [`  service ${serviceId}`]),
    ...(upstream === '' ? [] : [`  upstream ${upstream}`]),
    ...listed('not by those that are tried before it', failed),
    ...listed('nor by those that would be tried after it', later),
  ];
}

function listed(title: string, routes: readonly ConsideredRoute[]): string[] {
  if (routes.length === 0) return [];
  const lines = routes.map(({ id, name, uri, reason }) => {
    const why = reason === '' ? '' : `: ${reason}`;
    return `    ${nameOf(id, name)}, uri ${uri}${why}`;
  });
  return [`  ${title}`, ...lines];
}

function nameOf(id: string, name: string): string {
  return name === '' ? id : `${id} (${name})`;
}

function phaseLines({ phases }: Explanation): string[] {
  const rows = PHASES.flatMap((phase) =>
    (phases[phase] ?? []).map((plugin, i) => `  ${(i === 0 ? phase : '').padEnd(16)}${pluginText(plugin)}`),
  );
  return rows.length === 0 ? ['no plugin has a part in it'] : ['plugins, in their order', ...rows];
}

function pluginText({ plugin, priority, object, isFilteredOut }: PhasePlugin): string {
  const owner = object === '' ? '' : `, of ${object}`;
  return `${plugin} (${priority}${owner})${isFilteredOut ? ': skipped by its _meta.filter' : ''}`;
}

function whoLines({ consumer, limits }: Explanation): string[] {
  return [
    ...(consumer === null
      ? []
      : [`consumer ${consumer.username}${consumer.groupId === '' ? '' : ` of group ${consumer.groupId}`}`]),
    ...limits.map(
      ({ plugin, limit, remaining, window_s }) => `${plugin}: ${remaining} of ${limit} in ${window_s} s would be left`,
    ),
  ];
}

function answerLines({ answer, sent, attempts }: Explanation): string[] {
  const lines: string[] = [];
  if (sent !== null) {
    const { node, method, target, rawHeaders } = sent;
    lines.push(`${attempts.length > 1 ? 'in the end ' : ''}goes to ${node} as`, `  ${method} ${target}`);
    for (const [name, value] of rawHeaders) lines.push(`  ${name}: ${value}`);
  }
  if (answer.repliedBy === 'upstream') lines.push('what comes then is up to the upstream');
  else lines.push(...replyLines(answer));
  return lines;
}

function replyLines({ status, repliedBy, errorCode, reason, headers, body }: Answer): string[] {
  const who = repliedBy === 'gateway' ? 'the gateway' : `the plugin ${repliedBy}`;
  const shown = body.length > MOST_BODY ? `${body.slice(0, MOST_BODY)}…` : body;
  return [
    `${who} answers ${status}${errorCode === '' ? '' : ` (${errorCode}${reason === '' ? '' : `: ${reason}`})`}`,
    ...headers.map(([name, value]) => `  ${name}: ${value}`),
    ...(shown === '' ? [] : ['', ...shown.trimEnd().split('\n')]),
  ];
}

/** What came from a configuration or a request must not speak to the terminal. */
function printable(line: string): string {
  return line.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '?');
}
