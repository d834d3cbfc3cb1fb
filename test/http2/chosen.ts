/** Gateways in front of nodes that choose their protocol. */
import type { TestContext } from 'node:test';
import { PAIR } from '../certificate.ts';
import { type Lab, type LabOptions, openLab, routeWith } from '../plugins/lab.ts';

export interface Choosing {
  /** Attributes of `upstream-http2`. */
  readonly plugin?: object;
  readonly upstream?: object;
  /** Beside it. */
  readonly plugins?: object;
  readonly route?: object;
}

/** A route to nodes over TLS on these ports, which have to be `a.example`. */
export function routeTo(
  nodes: readonly { readonly port: number }[],
  { plugin = {}, upstream = {}, plugins = {}, route = {} }: Choosing = {},
): string {
  const weights = Object.fromEntries(nodes.map(({ port }) => [`127.0.0.1:${port}`, 1]));
  const named = { pass_host: 'rewrite', upstream_host: 'a.example' };
  return routeWith(
    { 'upstream-http2': plugin, ...plugins },
    { upstream: { scheme: 'https', ...named, nodes: weights, ...upstream }, ...route },
  );
}

export function openTo(
  t: TestContext,
  nodes: readonly { readonly port: number }[],
  config: Choosing = {},
  more: LabOptions = {},
): Promise<Lab> {
  return openLab(t, routeTo(nodes, config), { authorities: [PAIR.cert], ...more });
}
