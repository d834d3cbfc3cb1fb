/**
 * The router against a list that is searched from end to end, written straight from the rules: on random routes and requests,
 * and after random changes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRouter } from './create-router.ts';
import { failuresOf } from './failures.ts';
import type { NeedsBody, RouteRequest, RouterMode, RouterRoute, RouteTable } from './router.ts';
import { NEEDS_BODY } from './router.ts';

type Route = RouterRoute<string>;

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Dice {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  one<T>(options: readonly T[]): T {
    return options[this.below(options.length)];
  }

  some<T>(options: readonly T[], most: number): T[] {
    return Array.from({ length: this.below(most + 1) }, () => this.one(options));
  }
}

const SEGMENTS = ['a', 'ab', 'abc', 'b', 'ba', '%2F', 'x.y', 'long-name', 'long-nome'];
const HOSTS = ['a.com', 'b.a.com', 'c.b.a.com', 'xa.com', 'x.org', 'com', ''];
const HOST_PATTERNS = [
  'a.com',
  'b.a.com',
  'c.b.a.com',
  'x.org',
  '*.a.com',
  '*a.com',
  '*.com',
  '*.b.a.com',
  '*',
  '*.org',
];
const METHODS = ['GET', 'POST', 'PUT', 'REPORT', 'COPY'];
const ADDRESSES = ['10.0.0.1', '10.0.1.1', '192.168.0.1', '::1'];
const BLOCKS: Readonly<Record<string, RegExp>> = {
  '10.0.0.0/8': /^10\./,
  '10.0.0.0/24': /^10\.0\.0\./,
  '192.168.0.1': /^192\.168\.0\.1$/,
  '::/16': /^::1$/,
};

function randomUri(dice: Dice, mode: RouterMode): string {
  const segments = dice.some(SEGMENTS, 4);
  if (mode !== 'radixtree_uri_with_parameter') {
    const uri = `/${segments.join('/')}`;
    const end = dice.one(['', '', '/', '*', '*', '/*']);
    return (uri + end).replace('//', '/');
  }
  const named = segments.map((segment, i) => (dice.chance(0.4) ? `:${dice.one(['p', 'q', 'r'])}${i}` : segment));
  const uri = `/${named.join('/')}`.replace(/\/$/, '') + dice.one(['', '', '/', '/*', '/*rest', '*']);
  return uri.startsWith('/') ? uri.replace(/(\/:[^/]*)\*$/, '$1') : `/${uri}`;
}

function randomRoute(dice: Dice, id: string, mode: RouterMode): Route {
  const vars: unknown[] = [];
  if (dice.chance(0.15)) vars.push(['arg_v', '==', dice.one(['1', '2'])]);
  if (dice.chance(0.05)) vars.push(['post_arg.v', '==', '1']);
  return {
    id,
    uris: [randomUri(dice, mode), ...dice.some([0], 1).map(() => randomUri(dice, mode))],
    hosts: dice.chance(0.6) ? dice.some(HOST_PATTERNS, 2) : [],
    methods: dice.chance(0.3) ? dice.some(METHODS, 2) : null,
    remoteAddresses: dice.chance(0.2) ? dice.some(Object.keys(BLOCKS), 2) : null,
    vars: vars.length > 0 || dice.chance(0.2) ? vars : null,
    priority: dice.one([0, 0, 0, 1, -1]),
    value: id,
  };
}

function randomRequest(dice: Dice): RouteRequest {
  const path = `/${dice.some(SEGMENTS, 5).join('/')}${dice.chance(0.2) ? '/' : ''}`.replace('//', '/');
  const value = dice.one(['1', '2', undefined]);
  const posted = dice.one(['1', '2']);
  return {
    method: dice.one(METHODS),
    host: dice.one(HOSTS),
    path,
    remoteAddress: dice.one(ADDRESSES),
    variable: (name) => (name === 'arg_v' ? value : undefined),
    body: dice.chance(0.5) ? { value: () => posted } : undefined,
  };
}

/** What a pattern matches, in the plainest words that there are for it. */
function expressionOf(uri: string, mode: RouterMode): RegExp {
  const literal = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const star = uri.indexOf('*');
  const source = literal(star < 0 ? uri : uri.slice(0, star));
  const named = mode === 'radixtree_uri_with_parameter' ? source.replaceAll(/\/:[^/]+/g, '/[^/]+') : source;
  return new RegExp(`^${named}${star < 0 ? '$' : ''}`);
}

interface Line {
  readonly route: Route;
  readonly uri: string;
  readonly expression: RegExp;
  /** null: all. */
  readonly host: string | null;
  readonly order: readonly (number | string)[];
}

class NaiveRouter {
  private readonly lines: readonly Line[];
  private readonly mode: RouterMode;

  constructor(mode: RouterMode, routes: readonly Route[]) {
    this.mode = mode;
    const lines = routes.flatMap((route) => {
      const hosts = mode === 'radixtree_host_uri' && route.hosts.length > 0 ? route.hosts : [null];
      return hosts.flatMap((host) => route.uris.map((uri) => this.lineOf(route, uri, host)));
    });
    this.lines = lines.sort((a, b) => compareOrders(a.order, b.order));
  }

  private lineOf(route: Route, uri: string, host: string | null): Line {
    const lists = [
      route.methods,
      route.remoteAddresses,
      route.vars,
      this.mode === 'radixtree_host_uri' ? [] : route.hosts,
    ];
    const kinds = lists.filter((list) => (list ?? []).length > 0).length;
    const hostRank = host === null ? -1 : host.startsWith('*') ? host.length : 1000;
    const order = [-hostRank, this.uriRank(uri), -route.priority, -kinds, route.id];
    return { route, uri, host, order, expression: expressionOf(uri, this.mode) };
  }

  /** Sorts the better pattern first among those that match the same path. */
  private uriRank(uri: string): number | string {
    if (this.mode !== 'radixtree_uri_with_parameter') return uri.endsWith('*') ? -uri.indexOf('*') : -10_000;
    // A character is better than the end, that is better than a parameter, and that better than the end of a prefix.
    const bare = uri.replaceAll(/\/:[^/]+/g, '/\u{fffd}').replace(/\*.*$/, '\u{ffff}');
    return bare.endsWith('\u{ffff}') ? bare : `${bare}\u{fffe}`;
  }

  find(request: RouteRequest): string | NeedsBody | undefined {
    for (const { route, host, expression } of this.lines) {
      if (host !== null && !fitsHost(host, request.host)) continue;
      if (!expression.test(request.path)) continue;
      const verdict = fits(route, request, this.mode);
      if (verdict === undefined) return NEEDS_BODY;
      if (verdict) return route.value;
    }
    return undefined;
  }
}

function compareOrders(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [i, left] of a.entries()) {
    if (left !== b[i]) return left < b[i] ? -1 : 1;
  }
  return 0;
}

function fitsHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*') ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function fits(route: Route, request: RouteRequest, mode: RouterMode): boolean | undefined {
  const { methods, remoteAddresses, vars, hosts } = route;
  if (mode !== 'radixtree_host_uri' && hosts.length > 0 && !hosts.some((host) => fitsHost(host, request.host)))
    return false;
  if (methods !== null && methods.length > 0 && !methods.includes(request.method)) return false;
  if (remoteAddresses !== null && remoteAddresses.length > 0) {
    if (!remoteAddresses.some((block) => BLOCKS[block].test(request.remoteAddress))) return false;
  }
  let verdict: boolean | undefined = true;
  for (const [name, , value] of (vars ?? []) as [string, string, string][]) {
    const isPosted = name.startsWith('post_arg');
    if (isPosted && request.body === undefined) {
      verdict = undefined;
      continue;
    }
    if ((isPosted ? request.body?.value(name) : request.variable(name)) !== value) return false;
  }
  return verdict;
}

/** The first route that is considered and has no failure; what explanations say must be what the search does. */
function explained(
  table: RouteTable<string>,
  routes: ReadonlyMap<string, Route>,
  request: RouteRequest,
  mode: RouterMode,
): string | NeedsBody | undefined {
  for (const { id } of table.considered(request, 1000)) {
    const [failure] = failuresOf(routes.get(id) as Route, request, mode);
    if (failure === undefined) return id;
    if (failure.message.includes('takes the body')) return NEEDS_BODY;
  }
  return undefined;
}

/** Asks both about random requests. @returns how many of them found a route */
function compare(table: RouteTable<string>, naive: NaiveRouter, dice: Dice, label: string): number {
  let found = 0;
  for (let i = 0; i < 50; i++) {
    const request = randomRequest(dice);
    const expected = naive.find(request);
    if (expected !== undefined) found++;
    if (table.find(request) === expected) continue;
    assert.equal(table.find(request), expected, `${label}: ${JSON.stringify(request)}`);
  }
  return found;
}

const SEED = 20_261_121;
const MODES: readonly RouterMode[] = ['radixtree_host_uri', 'radixtree_uri', 'radixtree_uri_with_parameter'];

for (const mode of MODES) {
  test(`in ${mode} the routes that are considered, with what fails of each, explain what is found`, () => {
    const dice = new Dice(SEED + 1);
    for (let round = 0; round < 100; round++) {
      const list = Array.from({ length: 1 + dice.below(30) }, (_, i) => randomRoute(dice, `r${i}`, mode));
      const routes = new Map(list.map((one) => [one.id, one]));
      const table = createRouter(mode, list);
      for (let i = 0; i < 20; i++) {
        const request = randomRequest(dice);
        const label = `seed ${SEED + 1}, ${mode}, round ${round}: ${JSON.stringify(request)}`;
        assert.equal(explained(table, routes, request, mode), table.find(request), label);
      }
    }
  });

  test(`in ${mode} 50,000 random requests find what a search through a list finds`, () => {
    const dice = new Dice(SEED);
    let found = 0;
    let asked = 0;
    for (let round = 0; round < 200; round++) {
      const label = `seed ${SEED}, ${mode}, round ${round}`;
      const routes = new Map<string, Route>();
      for (let i = dice.below(30); i >= 0; i--) routes.set(`r${i}`, randomRoute(dice, `r${i}`, mode));
      const first = createRouter(mode, routes.values());
      const naiveFirst = new NaiveRouter(mode, [...routes.values()]);
      found += compare(first, naiveFirst, dice, label);
      let table = first;
      for (let step = 0; step < 3; step++) {
        const changes = Array.from({ length: 1 + dice.below(6) }, () => {
          const id = `r${dice.below(35)}`;
          return { id, route: dice.chance(0.4) ? null : randomRoute(dice, id, mode) };
        });
        for (const { id, route } of changes) {
          if (route === null) routes.delete(id);
          else routes.set(id, route);
        }
        table = table.with(changes);
        assert.equal(table.size, routes.size, label);
        found += compare(table, new NaiveRouter(mode, [...routes.values()]), dice, `${label}, step ${step}`);
      }
      found += compare(first, naiveFirst, dice, `${label}, the first table again`);
      asked += 250;
      const emptied = table.with([...routes.keys()].map((id) => ({ id, route: null })));
      assert.equal(emptied.find(randomRequest(dice)), undefined, label);
      assert.equal(emptied.size, 0, label);
    }
    assert.equal(asked, 50_000);
    assert.ok(found > asked / 4 && found < (asked * 9) / 10, `${found} of ${asked} requests found a route`);
  });
}
