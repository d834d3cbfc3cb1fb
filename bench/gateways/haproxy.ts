/** HAProxy with one thread, connections to the upstream shared between clients. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOTH } from '../certificate.ts';
import { findCommand } from '../processes.ts';
import { CONNECTIONS, KEPT_ALIVE, type Gateway, type Setup } from './gateway.ts';

/** Lines of a map file: prefix or exact path, and the backend for it. */
function mapOf(routes: readonly string[], isPrefix: boolean): string {
  return routes
    .filter((route) => route.endsWith('*') === isPrefix)
    .map((route) => `${isPrefix ? route.slice(0, -1) : route} upstream\n`)
    .join('');
}

export function haproxyConfig({ folder, port, upstreamPort, routes, tuning, ...how }: Setup): string {
  const { isHttp2 = false, isSecured = false, isUpstreamSecured = false } = how;
  const server = [...(isUpstreamSecured ? ['ssl verify none'] : []), ...(tuning.haproxy?.server ?? [])];
  const isOpen = routes.length === 1 && routes[0] === '/*';
  const choice = isOpen
    ? 'default_backend upstream'
    : `use_backend %[path,map_str(${folder}/exact.map)] if { path,map_str(${folder}/exact.map) -m found }
  use_backend %[path,map_beg(${folder}/prefix.map,none)]`;
  return `
global
  nbthread 1
  maxconn ${CONNECTIONS}
  # maxconn counts two sockets a connection; the limit of the shell may be lower than that and still be enough
  no strict-limits
${(tuning.haproxy?.global ?? []).map((line) => `  ${line}`).join('\n')}
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 60s
  timeout http-keep-alive 300s
  option http-keep-alive
  http-reuse always
frontend clients
  bind 127.0.0.1:${port} backlog 4096${isHttp2 ? ' proto h2' : ''}${isSecured ? ` ssl crt ${folder}/${BOTH} alpn http/1.1` : ''}
${(tuning.haproxy?.frontend ?? []).map((line) => `  ${line}`).join('\n')}
  option forwardfor
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header Via "1.1 haproxy"
  ${choice}
backend upstream
  server only 127.0.0.1:${upstreamPort} pool-max-conn ${KEPT_ALIVE} ${server.join(' ')}
backend none
  http-request return status 404
`;
}

export const haproxy: Gateway = {
  name: 'haproxy',
  needsWarmUp: false,
  missing: () =>
    findCommand('haproxy') === undefined ? "haproxy is missing: 'apt-get install haproxy' brings it" : undefined,
  version: { command: 'haproxy', args: ['-v'] },
  launch(setup) {
    const file = join(setup.folder, 'haproxy.cfg');
    writeFileSync(file, haproxyConfig(setup));
    writeFileSync(join(setup.folder, 'exact.map'), mapOf(setup.routes, false));
    writeFileSync(join(setup.folder, 'prefix.map'), mapOf(setup.routes, true));
    return { command: 'haproxy', args: ['-db', '-f', file] };
  },
};
