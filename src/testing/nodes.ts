/** All scripted nodes of a gateway under test, and which exchange each of their connections serves. */
import type net from 'node:net';
import type { CompiledNode } from '../compile/snapshot.ts';
import type { NodeScript, SeenRequest, Unused } from './node-script.ts';
import { type NodeSurroundings, ScriptedNode } from './scripted-node.ts';

/** By `host:port` as the configuration has the node, or by its address; `*` for every other one. */
export type Upstreams = Readonly<Record<string, NodeScript>>;

export interface NodesOptions {
  readonly clock: NodeSurroundings['clock'];
  readonly onFault: (error: unknown) => void;
  /** @param client the port of the client whose exchange it is; 0 of a health check */
  readonly onSeen: (request: SeenRequest, client: number) => void;
}

export class Nodes {
  private readonly options: NodesOptions;
  private readonly scripts: Upstreams;
  private readonly nodes = new Map<string, ScriptedNode>();
  /** Whose connection it is, by the upstream's end of it. */
  private readonly owners = new WeakMap<net.Socket, object>();
  /** The client whose exchange it serves, by the owner. */
  private readonly clients = new WeakMap<object, number>();

  constructor(scripts: Upstreams, options: NodesOptions) {
    this.scripts = scripts;
    this.options = options;
    for (const name of Object.keys(scripts)) if (name !== '*') this.add(name, name);
  }

  /** Null, and a fault, where nothing is scripted for it. */
  find(node: CompiledNode): ScriptedNode | null {
    const port = `:${node.port}`;
    const host = node.host.includes(':') ? `[${node.host}]` : node.host;
    const named = this.nodes.get(`${host}${port}`) ?? this.nodes.get(node.endpoint);
    if (named !== undefined) return named;
    if (this.scripts['*'] !== undefined) return this.add(`${host}${port}`, '*');
    const names = Object.keys(this.scripts).map((name) => JSON.stringify(name));
    this.options.onFault(
      new Error(
        `a request goes to ${host}${port}, for which nothing is scripted: add upstreams["${host}${port}"], or "*" for every other node; scripted: ${names.length === 0 ? 'none' : names.join(', ')}`,
      ),
    );
    return null;
  }

  private add(name: string, key: string): ScriptedNode {
    const { clock, onFault, onSeen } = this.options;
    const script = this.scripts[key];
    if (script === undefined) throw new RangeError(`there is no script ${key}`);
    const node = new ScriptedNode(name, script, {
      clock,
      onFault,
      onSeen: (request, socket) => onSeen(request, request.isProbe ? 0 : this.clientOf(socket)),
    });
    this.nodes.set(name, node);
    return node;
  }

  /** The script of that name. */
  named(name: string): ScriptedNode | null {
    return this.nodes.get(name) ?? null;
  }

  /** A connection of the gateway, by its owner, and the upstream's end of it. */
  opened(owner: object, end: net.Socket): void {
    this.owners.set(end, owner);
  }

  /** From now on the connection serves the exchange of that client. */
  serves(owner: object, client: number): void {
    this.clients.set(owner, client);
  }

  private clientOf(end: net.Socket): number {
    const owner = this.owners.get(end);
    return owner === undefined ? 0 : (this.clients.get(owner) ?? 0);
  }

  /** What of the scripts nobody called. */
  unused(): (Unused & { readonly node: string })[] {
    const isNobody = this.scripts['*'] !== undefined && this.nodes.size === Object.keys(this.scripts).length - 1;
    return [
      // What stands for all others is not to be used up by each of them.
      ...Array.from(this.nodes, ([node, one]) =>
        this.scripts[node] === undefined ? [] : one.unused().map((unused) => ({ node, ...unused })),
      ).flat(),
      ...(isNobody ? [{ node: '*', within: '', reason: 'never called' }] : []),
    ];
  }
}
