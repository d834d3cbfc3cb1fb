/**
 * Examples of the documentation as tables: a configuration, requests, and where the documentation says that they end. The
 * ports of the documentation, 1980 to 1982, stand for three echoes with ports of their own.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { EchoUpstream } from '../plugins/echo-upstream.ts';
import { openLab, problemsOf } from '../plugins/lab.ts';
import type { Ask, Lab } from '../plugins/lab.ts';

type Port = '1980' | '1981' | '1982';

/** The upstream that answers, a status of the gateway's own, or how many requests in a row end where. */
type Gives = Port | number | Readonly<Partial<Record<Port | 502, number>>>;

export interface Asked extends Ask {
  /** The Host that the upstream sees; the client's by default. */
  readonly hostSeen?: string;
}

type DocumentedRequest = readonly [target: string, gives: Gives, ask?: Asked];

interface Step {
  readonly yaml: string;
  /** Upstreams that do not listen from here on. */
  readonly down?: readonly Port[];
  readonly requests: readonly DocumentedRequest[];
}

export interface Example extends Step {
  readonly name: string;
  /** Configurations that take the place of the first, each while the gateway runs. */
  readonly then?: readonly Step[];
}

export interface Refusal {
  readonly name: string;
  readonly yaml: string;
  /** All that is wrong with it, as `path: message`. */
  readonly problems: readonly string[];
}

export interface Affinity {
  readonly name: string;
  readonly yaml: string;
  /** A request whose key is that of `index`. */
  readonly request: (index: number) => readonly [target: string, ask: Ask];
}

/** The changes of nodes that the pages on routes, services and upstreams all show; `withNodes` has them behind /index.html. */
export function changesOfNodes(name: string, withNodes: (nodes: string) => string): Example {
  const step = (nodes: string, gives: Gives): Step => ({
    yaml: withNodes(nodes),
    requests: [['/index.html', gives]],
  });
  return {
    name,
    ...step('"127.0.0.1:1980": 1', { 1980: 4 }),
    then: [
      step('"127.0.0.1:1980": 1, "127.0.0.1:1981": 1', { 1980: 4, 1981: 4 }),
      step('"127.0.0.1:1980": 1, "127.0.0.1:1981": 10', { 1980: 2, 1981: 20 }),
      step('"127.0.0.1:1981": 10', { 1981: 4 }),
      step('"127.0.0.1:1982": 1', { 1982: 4 }),
    ],
  };
}

/** Beside where a request ends: the upstream sees its method, target, body and Host as the client sent them. */
export function followExamples(examples: readonly Example[]): void {
  for (const { name, then = [], ...first } of examples) {
    it(name, async (t) => {
      const gateway = await Gateway.open(t, first.yaml);
      for (const [i, { yaml, down = [], requests }] of [first, ...then].entries()) {
        if (i > 0) gateway.reload(yaml);
        for (const port of down) gateway.close(port);
        for (const request of requests) await gateway.follow(request);
      }
    });
  }
}

export function refuseExamples(refusals: readonly Refusal[]): void {
  for (const { name, yaml, problems } of refusals) {
    it(`${name} is refused`, () => assert.deepEqual(problemsOf(yaml), problems));
  }
}

/** Equal keys go to the same of two upstreams whatever else differs, and not all keys to one of them. */
export function keepAffinity(affinities: readonly Affinity[]): void {
  for (const { name, yaml, request } of affinities) {
    it(name, async (t) => {
      const gateway = await Gateway.open(t, yaml);
      const used = new Set<Port | number>();
      for (let i = 0; i < 40; i++) {
        const [target, ask] = request(i);
        const served = await gateway.ask(target, ask);
        const again = await gateway.ask(`${target}?again`, { ...ask, headers: { ...ask.headers, 'X-Other': `${i}` } });
        assert.equal(again, served, `key ${i}`);
        used.add(served);
      }
      assert.deepEqual(used, new Set(['1980', '1981']));
    });
  }
}

class Gateway {
  private readonly lab: Lab;
  private readonly upstreams: ReadonlyMap<Port, EchoUpstream>;
  /** Where they listen, or did: a closed one has no port. */
  private readonly ports: ReadonlyMap<Port, number>;

  private constructor(lab: Lab, upstreams: ReadonlyMap<Port, EchoUpstream>, ports: ReadonlyMap<Port, number>) {
    this.lab = lab;
    this.upstreams = upstreams;
    this.ports = ports;
  }

  static async open(t: TestContext, yaml: string): Promise<Gateway> {
    const upstreams = new Map<Port, EchoUpstream>();
    for (const port of ['1980', '1981', '1982'] as const) {
      const upstream = await EchoUpstream.start();
      t.after(() => upstream.close());
      upstreams.set(port, upstream);
    }
    const ports = new Map(Array.from(upstreams, ([port, upstream]) => [port, upstream.port]));
    return new Gateway(await openLab(t, withPorts(yaml, ports)), upstreams, ports);
  }

  reload(yaml: string): void {
    this.lab.reload(withPorts(yaml, this.ports));
  }

  close(port: Port): void {
    this.upstreams.get(port)?.close();
  }

  async follow([target, gives, ask = {}]: DocumentedRequest): Promise<void> {
    const what = `${ask.method ?? 'GET'} ${target} ${JSON.stringify(ask.headers ?? {})}`;
    if (typeof gives !== 'object') {
      assert.equal(await this.ask(target, ask), gives, what);
      if (typeof gives === 'string') this.checkSeen(gives, target, ask);
      return;
    }
    const total = Object.values(gives).reduce((sum, count) => sum + count, 0);
    const counts: Partial<Record<string, number>> = {};
    for (let i = 0; i < total; i++) {
      const served = await this.ask(target, ask);
      counts[served] = (counts[served] ?? 0) + 1;
    }
    assert.deepEqual(counts, gives, what);
  }

  /** Which upstream answered, or the gateway's own status. */
  async ask(target: string, ask: Ask): Promise<Port | number> {
    const before = new Map(Array.from(this.upstreams, ([port, { seen }]) => [port, seen.length]));
    const { status, text } = await this.lab.request(target, ask);
    const reached = Array.from(this.upstreams).filter(([port, { seen }]) => seen.length > (before.get(port) ?? 0));
    const [first] = reached;
    if (first === undefined) {
      if (status === 404) assert.equal(text, '{"error_msg":"404 Route Not Found"}\n');
      return status;
    }
    assert.equal(reached.length, 1, 'one upstream is asked');
    assert.equal(status, 200, text);
    return first[0];
  }

  private checkSeen(port: Port, target: string, { method = 'GET', headers, body = '', hostSeen }: Asked): void {
    const seen = this.upstreams.get(port)?.seen.at(-1);
    const host = hostSeen === undefined ? (headers?.['Host'] ?? 'app.example') : withPorts(hostSeen, this.ports);
    assert.deepEqual(
      [seen?.method, seen?.url, seen?.headers.find(([name]) => name.toLowerCase() === 'host')?.[1], seen?.body],
      [method, target, host, body],
    );
  }
}

function withPorts(text: string, ports: ReadonlyMap<Port, number>): string {
  return text.replace(/198[012]/g, (port) => `${ports.get(port as Port)}`);
}
