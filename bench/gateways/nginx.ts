/** nginx, with one worker unless told, tuned as somebody would who wants it to win: no log, keep-alive everywhere, no temporary files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CERTIFICATE, KEY } from '../certificate.ts';
import { findCommand } from '../processes.ts';
import { CONNECTIONS, KEPT_ALIVE, type Gateway, type Setup } from './gateway.ts';

/** A location for a route: `/a/*` is the prefix `/a/`, and no regular expression is looked at after it. */
function location(route: string, scheme: string): string {
  const match = route === '/*' ? '/' : route.endsWith('*') ? `^~ ${route.slice(0, -1)}` : `= ${route}`;
  return `    location ${match} { proxy_pass ${scheme}://upstream; }`;
}

const tls = (folder: string): string =>
  `    ssl_certificate ${folder}/${CERTIFICATE}; ssl_certificate_key ${folder}/${KEY}; ssl_protocols TLSv1.2 TLSv1.3;`;

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export function nginxConfig({ folder, port, upstreamPort, routes, tuning, ...how }: Setup): string {
  const { isHttp2 = false, isSecured = false, isUpstreamSecured = false } = how;
  return `
worker_processes ${tuning.nginx?.workers ?? 1};
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections ${CONNECTIONS}; }
http {
  access_log off;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  server_tokens off;
${TEMPORARY.map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n')}
  upstream upstream {
    server 127.0.0.1:${upstreamPort};
    keepalive ${KEPT_ALIVE};
    keepalive_requests 1000000000;
  }
${(tuning.nginx?.http ?? []).map((line) => `  ${line}`).join('\n')}
  server {
    listen 127.0.0.1:${port}${isSecured ? ' ssl' : ''} backlog=4096${tuning.nginx?.workers === undefined ? '' : ' reuseport'}${isHttp2 ? ' http2' : ''};
${isSecured ? tls(folder) : ''}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header Via "1.1 nginx";
    proxy_max_temp_file_size 0;
${(tuning.nginx?.server ?? []).map((line) => `    ${line}`).join('\n')}
${routes.map((route) => location(route, isUpstreamSecured ? 'https' : 'http')).join('\n')}
  }
}
`;
}

export const nginx: Gateway = {
  name: 'nginx',
  needsWarmUp: false,
  missing: () =>
    findCommand('nginx') === undefined ? "nginx is missing: 'apt-get install nginx-core' brings it" : undefined,
  version: { command: 'nginx', args: ['-v'] },
  launch(setup) {
    const file = join(setup.folder, 'nginx.conf');
    writeFileSync(file, nginxConfig(setup));
    // The first error log is opened before the configuration is read.
    return { command: 'nginx', args: ['-e', join(setup.folder, 'error.log'), '-p', setup.folder, '-c', file] };
  },
};
