/** The nodes of an upstream once its names are resolved: pure. */
import { isIP } from 'node:net';
import type { CompiledNames, CompiledNode } from '../compile/snapshot.ts';
import { isSocketHost } from '../model/upstream.ts';
import type { NameAnswer } from './name-answers.ts';

export interface NamedNodes {
  readonly nodes: readonly CompiledNode[];
  readonly names?: CompiledNames;
}

export interface Expansion {
  readonly nodes: readonly CompiledNode[];
  /** Some name has no answer yet. */
  readonly isPending: boolean;
}

/** Balancers sum weights up, and the sums must stay exact. */
const MOST_MULTIPLE = 1_000_000;

/**
 * Each address of a name becomes a node. Together they have the weight of the name: all weights are multiplied by what makes
 * the shares whole numbers.
 */
export function expandNodes(
  { nodes, names }: NamedNodes,
  answerTo: (kind: 'host' | 'service', name: string) => NameAnswer | undefined,
): Expansion {
  if (names === undefined) return { nodes, isPending: false };
  if (names.service !== null) return expandService(names.service, answerTo('service', names.service.name));
  let isPending = false;
  const groups = nodes.map((node) => {
    if (isIP(node.host) !== 0 || isSocketHost(node.host)) return { node, addresses: [node.host] };
    const answer = answerTo('host', node.host.toLowerCase());
    isPending ||= answer === undefined;
    return { node, addresses: (answer ?? []).map(({ address }) => address) };
  });
  const multiple = groups.reduce((so, { addresses }) => leastMultiple(so, Math.max(1, addresses.length)), 1);
  const expanded = groups.flatMap(({ node, addresses }) => {
    const weight = share(node.weight, multiple, addresses.length);
    return addresses.map((address) => nodeAt(node, address, weight));
  });
  return { nodes: expanded, isPending };
}

function share(weight: number, multiple: number, among: number): number {
  return weight === 0 ? 0 : Math.max(1, Math.round((weight * multiple) / among));
}

function nodeAt(node: CompiledNode, address: string, weight: number): CompiledNode {
  return { ...node, weight, address, endpoint: endpointOf(address, node.port) };
}

function expandService(
  { port, fallbackPort }: NonNullable<CompiledNames['service']>,
  answer: NameAnswer | undefined,
): Expansion {
  const seen = new Set<string>();
  const nodes = (answer ?? []).flatMap((found): CompiledNode[] => {
    const at = port || found.port || fallbackPort;
    const endpoint = endpointOf(found.address, at);
    if (seen.has(endpoint)) return [];
    seen.add(endpoint);
    const { address, weight, priority } = found;
    return [{ host: address, port: at, weight, priority, authority: endpoint, address, endpoint }];
  });
  return { nodes, isPending: answer === undefined };
}

function endpointOf(address: string, port: number): string {
  if (isSocketHost(address)) return address;
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Beyond what a weight can bear, the last one that it could: shares are then rounded. */
function leastMultiple(a: number, b: number): number {
  const multiple = (a / greatestDivisor(a, b)) * b;
  return multiple <= MOST_MULTIPLE ? multiple : a;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
