/** Gatewright as a user starts it: one command, one file. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NAME, PAIR } from '../certificate.ts';
import { REDIS_PORT, type Gateway, type Setup } from './gateway.ts';

const COMMAND = fileURLToPath(new URL('../../bin/gatewright', import.meta.url));

/** wrk names no server that a certificate could be for. */
const SECURED = { http: [], tls: { fallback_sni: NAME } };

/** JSON is YAML too, so this needs no writer of YAML. */
export function gatewrightConfig(setup: Setup): string {
  const { port, controlPort, upstreamPort, redisPort, routes, tuning, isHttp2 = false, isSecured = false } = setup;
  const secured = setup.isUpstreamSecured === true ? { scheme: 'https', tls: { verify: false } } : {};
  const upstream = { type: 'roundrobin', nodes: { [`127.0.0.1:${upstreamPort}`]: 1 }, ...secured };
  const document = {
    gateway: {
      ...(isSecured ? SECURED : {}),
      [isSecured ? 'https' : 'http']: [{ address: '127.0.0.1', port, ...(isHttp2 ? { http2: true } : {}) }],
      control: { address: '127.0.0.1', port: controlPort },
      ...tuning.gatewright?.settings,
    },
    routes: routes.map((uri) => ({ uri, upstream, ...tuning.gatewright?.route })),
    ...(isSecured ? { ssls: [{ id: 'bench', snis: [NAME], ...PAIR }] } : {}),
    ...tuning.gatewright?.document,
  };
  return `${JSON.stringify(document, null, 1)}\n`.replaceAll(`"${REDIS_PORT}"`, String(redisPort));
}

export const gatewright: Gateway = {
  name: 'gatewright',
  needsWarmUp: true,
  missing: () => (existsSync(COMMAND) ? undefined : `gatewright is missing: ${COMMAND} does not exist`),
  version: { command: COMMAND, args: ['version'] },
  launch(setup) {
    const file = join(setup.folder, 'gatewright.yaml');
    writeFileSync(file, gatewrightConfig(setup));
    return { command: COMMAND, args: ['run', '-c', file] };
  },
};
