/**
 * A change of objects → the next Snapshot. Only what the change reaches is made anew; the rest is shared with the previous
 * Snapshot. It comes in steps, so that a worker can serve between them.
 */
import { KINDS } from '../model/object-set.ts';
import type { Kind, ObjectSet, RawObject } from '../model/object-set.ts';
import type { ObjectOf } from '../model/models.ts';
import type { Problem } from '../model/problem.ts';
import type { RouteChange } from '../router/router.ts';
import { createRouter } from '../router/create-router.ts';
import { CertificateIndex } from './certificates.ts';
import { Chains } from './chain-source.ts';
import { compileConsumers } from './consumers.ts';
import type { ConsumerOrder } from './consumers.ts';
import type { HeldInstance, Instances } from './instances.ts';
import { inOrder, RouteMerger } from './merge.ts';
import { messageOf } from './plugin-registry.ts';
import { PluginReader } from './object-plugins.ts';
import { PersistentMap } from './persistent-map.ts';
import type { MapEdit } from './persistent-map.ts';
import type { PluginRegistry } from './plugins.ts';
import { badReading, readObject } from './read-objects.ts';
import type { AllReadings, CheckContext, Reading } from './read-objects.ts';
import { findingsOf, referencesOf } from './references.ts';
import type { Findings } from './references.ts';
import { routeMemory } from './routes.ts';
import type { CompiledRoute, CompileMemory, Matching, RouteMemory, Snapshot, UpstreamMemory } from './snapshot.ts';
import { renewUpstream } from './upstream.ts';

export interface Change {
  readonly changed: readonly (readonly [kind: Kind, raw: RawObject])[];
  readonly removed: readonly (readonly [kind: Kind, id: string])[];
  /** Whether objects may be missing: then nothing comes into force. */
  readonly isIncomplete: boolean;
  /** See `ObjectSet`. */
  readonly isClosed: boolean;
  /** Ids of consumers and credentials in the order that decides who has a key; null where no two have the same one. */
  readonly order: ConsumerOrder | null;
  /** Everything that there is, in its order; null where that is not known. */
  readonly lists: ObjectSet['objects'] | null;
}

export interface AssembleOptions {
  readonly revision: number;
  readonly matching: Matching;
  /** The enabled plugins. */
  readonly plugins: PluginRegistry;
  readonly instances: Instances;
}

export interface Assembled {
  /** Null if what a bad route would match, or what a bad global rule would do, is not known. */
  readonly snapshot: Snapshot | null;
  readonly readings: AllReadings;
  readonly findings: PersistentMap<Findings>;
  /** Of consumers that have the same key. */
  readonly ambiguities: readonly Problem[];
}

/** Changes of the routing table at once. */
const TABLE_STEP = 32;

const SORTED_AT_ONCE = 1_024;

const NO_READINGS = Object.freeze(
  Object.fromEntries(KINDS.map((kind) => [kind, PersistentMap.empty()])),
) as unknown as AllReadings;

/** Plugins are made with their metadata, so that must be known before any object that has them. */
const READING_ORDER: readonly Kind[] = ['plugin_metadata', ...KINDS.filter((kind) => kind !== 'plugin_metadata')];

type Edits = { readonly [K in Kind]: MapEdit<Reading> };

/** One object that was read anew, beside what it was. */
interface Touched {
  readonly kind: Kind;
  readonly id: string;
  readonly before: Reading | undefined;
  readonly after: Reading | undefined;
}

/** @yields wherever it may be interrupted; @returns the next Snapshot, `previous` untouched */
export function* assemble(
  change: Change,
  options: AssembleOptions,
  previous: CompileMemory | undefined,
): Generator<void, Assembled> {
  return yield* new Assembly(change, options, previous).run();
}

class Assembly {
  private readonly change: Change;
  private readonly options: AssembleOptions;
  private readonly previous: CompileMemory | undefined;
  private readonly context: CheckContext;
  private readonly touched: Touched[] = [];
  private readonly users: MapEdit<PersistentMap<true>>;
  private readonly upstreams: MapEdit<UpstreamMemory>;
  private readonly held: MapEdit<HeldInstance>;
  private readonly findings: MapEdit<Findings>;
  private readonly isSameMatching: boolean;
  private readings: AllReadings;

  constructor(change: Change, options: AssembleOptions, previous: CompileMemory | undefined) {
    const { matching, plugins, instances } = options;
    this.change = change;
    this.options = options;
    this.previous = previous;
    this.readings = previous?.readings ?? NO_READINGS;
    const reader = new PluginReader(plugins, instances);
    this.context = { plugins: reader, matching, isClosed: change.isClosed };
    this.users = (previous?.users ?? PersistentMap.empty<PersistentMap<true>>()).edit();
    this.upstreams = (previous?.upstreams ?? PersistentMap.empty<UpstreamMemory>()).edit();
    this.held = (previous?.held ?? PersistentMap.empty<HeldInstance>()).edit();
    this.findings = (previous?.findings ?? PersistentMap.empty<Findings>()).edit();
    this.isSameMatching =
      previous !== undefined &&
      previous.matching.mode === matching.mode &&
      previous.matching.mergeSlashes === matching.mergeSlashes;
  }

  *run(): Generator<void, Assembled> {
    yield* this.readAll();
    yield* this.renewUpstreams();
    const { options, change } = this;
    const routes = yield* this.renewRoutes();
    yield* this.findReferences();
    const ambiguities: Problem[] = [];
    const consumers = this.consumers(ambiguities);
    yield;
    const isLost = this.touched.some(({ kind, after }) => kind === 'global_rules' && after?.value === null);
    const upstreams = this.upstreams.done();
    const findings = this.findings.done();
    const { readings } = this;
    if (routes === null || isLost || change.isIncomplete) {
      yield* options.instances.sweep();
      return { snapshot: null, readings, findings, ambiguities };
    }
    const table = yield* this.table(routes.changes);
    const held = this.held.done();
    const hold = { instances: options.instances };
    const chains = this.chains();
    const certificates = this.certificates();
    const snapshot: Snapshot = {
      revision: options.revision,
      router: table,
      hold,
      ...(held.size === 0 ? {} : { chains, upstreams }),
      ...(readings.consumers.size === 0 ? {} : { consumers }),
      ...(readings.ssls.size === 0 ? {} : { certificates }),
      memory: {
        readings,
        lists: change.lists,
        users: this.users.done(),
        upstreams,
        held,
        findings,
        routes: routes.memory,
        table,
        matching: options.matching,
        plugins: options.plugins,
        instances: options.instances,
        sharedPlugins: routes.merger.shared,
        chains,
        consumers,
        certificates,
      },
    };
    yield* options.instances.keep(hold, held);
    return { snapshot, readings, findings, ambiguities };
  }

  /** Reads what changed, and what stands on plugins that are others now. */
  private *readAll(): Generator<void> {
    const { change } = this;
    const edits = Object.fromEntries(KINDS.map((kind) => [kind, this.readings[kind].edit()])) as unknown as Edits;
    for (const [kind, id] of change.removed) this.put(edits, kind, id, undefined);
    const byKind = yield* this.changedByKind();
    let isOther = this.previous !== undefined && this.previous.plugins !== this.options.plugins;
    for (const kind of READING_ORDER) {
      for (const raw of byKind[kind]) {
        this.put(edits, kind, raw.id, yield* this.read(kind, raw, edits[kind].get(raw.id)));
        yield;
      }
      if (kind !== 'plugin_metadata') continue;
      isOther ||= this.touched.length > 0 && this.touched.some((one) => one.kind === kind);
      for (const [name, { plugins }] of edits.plugin_metadata.done()) {
        if (plugins.metadata !== null) this.context.plugins.takeMetadata(name, plugins.metadata);
      }
    }
    if (isOther) yield* this.readAgain(edits);
    this.readings = Object.fromEntries(KINDS.map((kind) => [kind, edits[kind].done()])) as unknown as AllReadings;
  }

  private *changedByKind(): Generator<void, Readonly<Record<Kind, readonly RawObject[]>>> {
    const byKind = Object.fromEntries(KINDS.map((kind) => [kind, [] as RawObject[]])) as Record<Kind, RawObject[]>;
    const { changed } = this.change;
    for (let i = 0; i < changed.length; i += SORTED_AT_ONCE) {
      for (const [kind, raw] of changed.slice(i, i + SORTED_AT_ONCE)) byKind[kind].push(raw);
      yield;
    }
    return byKind;
  }

  private *readAgain(edits: Edits): Generator<void> {
    for (const kind of READING_ORDER) {
      for (const [id, reading] of edits[kind].done()) {
        yield;
        if (this.context.plugins.isCurrent(reading.plugins)) continue;
        this.put(edits, kind, id, yield* this.read(kind, reading.raw, reading));
      }
    }
  }

  /** Reads one object; what was made for it is prepared. */
  private *read(kind: Kind, raw: RawObject, last: Reading | undefined): Generator<void, Reading> {
    const reading = readObject(kind, raw, last, this.context);
    for (const { instance, owner } of this.options.instances.takeUnprepared()) {
      try {
        for (const _ of instance.prepare?.() ?? []) yield;
      } catch (error) {
        const message = `the plugin "${owner.plugin}" refuses this configuration: ${messageOf(error)}`;
        return badReading(raw, last, [{ path: raw.path, code: 'invalid_value', message }]);
      }
    }
    return reading;
  }

  private put(edits: Edits, kind: Kind, id: string, after: Reading | undefined): void {
    const before = edits[kind].get(id);
    if (before === after) return;
    edits[kind].set(id, after);
    this.touched.push({ kind, id, before, after });
    const key = `${kind}/${id}`;
    this.find(key, { read: after?.problems ?? [], warnings: after?.warnings ?? [] });
    if (before?.plugins !== after?.plugins) {
      for (const one of before?.plugins.instances ?? []) this.held.set(one.key, undefined);
      for (const one of after?.plugins.instances ?? []) this.held.set(one.key, one);
      for (const one of before?.plugins.upstreams ?? []) this.upstreams.set(one.key, undefined);
      for (const one of after?.plugins.upstreams ?? []) this.upstreams.set(one.key, { compiled: one, source: one });
    }
    if (before?.value === after?.value && before?.plugins === after?.plugins) return;
    for (const target of referencesOf(kind, id, before)) this.use(target, key, undefined);
    for (const target of referencesOf(kind, id, after)) this.use(target, key, true);
  }

  private use(target: string, key: string, isUsed: true | undefined): void {
    const users = (this.users.get(target) ?? PersistentMap.empty<true>()).edit();
    users.set(key, isUsed);
    this.users.set(target, users.size === 0 ? undefined : users.done());
  }

  private *renewUpstreams(): Generator<void> {
    const before = this.previous?.upstreams;
    for (const { kind, id, after } of this.touched) {
      if (kind !== 'upstreams' && kind !== 'services' && kind !== 'routes') continue;
      const key = `${kind}/${id}`;
      const source = upstreamIn(kind, after?.value ?? null);
      this.upstreams.set(key, source === undefined ? undefined : renewUpstream(source, key, before?.get(key)));
      yield;
    }
  }

  private *renewRoutes() {
    const { previous, context, isSameMatching } = this;
    const known = isSameMatching && previous !== undefined ? previous.routes : PersistentMap.empty<RouteMemory>();
    const memory = known.edit();
    const merger = new RouteMerger(this.readings, previous);
    const around = { readings: this.readings, upstreams: this.upstreams, merger };
    const changes: RouteChange<CompiledRoute>[] = [];
    let isBlocked = false;
    const affected = isSameMatching ? yield* this.affectedRoutes() : Array.from(this.readings.routes, ([id]) => id);
    for (const id of affected) {
      yield;
      const before = known.get(id);
      const reading = this.readings.routes.get(id);
      const problems: Problem[] = [];
      const after = reading === undefined ? null : routeMemory(id, reading, { around, context, before, problems });
      this.find(`routes/${id}`, { route: problems });
      if (after === 'unknown' && this.options.matching.leavesOutUnknown !== true) {
        isBlocked = true;
        continue;
      }
      const kept = after === 'unknown' ? null : after;
      memory.set(id, kept ?? undefined);
      if (before?.entry !== kept?.entry) changes.push({ id, route: kept?.entry ?? null });
    }
    return isBlocked ? null : { memory: memory.done(), merger, changes };
  }

  /** Those that changed, and those that stand on what changed. */
  private *affectedRoutes(): Generator<void, Set<string>> {
    const routes = new Set<string>();
    const add = (key: string): void => {
      if (key.startsWith('routes/')) routes.add(key.slice('routes/'.length));
    };
    for (const { kind, id } of this.touched) {
      add(`${kind}/${id}`);
      yield;
      for (const [user] of this.users.get(`${kind}/${id}`) ?? []) {
        add(user);
        if (kind !== 'upstreams' || !user.startsWith('services/')) continue;
        for (const [route] of this.users.get(user) ?? []) add(route);
      }
    }
    return routes;
  }

  /** References of what changed, and to what changed. */
  private *findReferences(): Generator<void> {
    const keys = new Set<string>();
    for (const { kind, id, before, after } of this.touched) {
      keys.add(`${kind}/${id}`);
      yield;
      if (kind !== 'ssls' && (before === undefined) === (after === undefined)) continue;
      for (const [user] of this.users.get(`${kind}/${id}`) ?? []) keys.add(user);
    }
    for (const key of keys) {
      const kind = key.slice(0, key.indexOf('/')) as Kind;
      const id = key.slice(kind.length + 1);
      this.find(key, findingsOf(kind, id, this.readings));
      yield;
    }
  }

  private find(key: string, found: Findings): void {
    const all = { ...this.findings.get(key), ...found };
    const isClean = Object.values(all).every((problems: readonly Problem[]) => problems.length === 0);
    this.findings.set(key, isClean ? undefined : all);
  }

  private consumers(problems: Problem[]) {
    const before = this.previous?.consumers ?? null;
    const isTouched = this.touched.some(
      ({ kind }) => kind === 'consumers' || kind === 'credentials' || kind === 'consumer_groups',
    );
    if (before !== null && !isTouched && !before.isAmbiguous) return before;
    return compileConsumers(this.readings, this.change.order, before, problems);
  }

  private certificates(): CertificateIndex {
    const before = this.previous?.certificates ?? null;
    if (before !== null && !this.touched.some(({ kind }) => kind === 'ssls')) return before;
    return new CertificateIndex(this.readings.ssls, before);
  }

  /** An edit of the previous table, so that a change costs what it changes. */
  private *table(changes: readonly RouteChange<CompiledRoute>[]) {
    const { previous, isSameMatching, options } = this;
    let table =
      previous !== undefined && isSameMatching
        ? previous.table
        : createRouter<CompiledRoute>(options.matching.mode, []);
    for (let at = 0; at < changes.length; at += TABLE_STEP) {
      table = table.with(changes.slice(at, at + TABLE_STEP));
      yield;
    }
    return table;
  }

  /** The chains of the previous Snapshot, as long as the global rules are the same: those of a route are found through the route. */
  private chains(): Chains {
    const rules = Array.from(this.readings.global_rules.values());
    const globals = inOrder(rules.flatMap(({ plugins }) => plugins.uses));
    const before = this.previous?.chains;
    const isSame = before?.globals.length === globals.length && globals.every((use, i) => use === before.globals[i]);
    return before !== undefined && isSame ? before : new Chains(globals);
  }
}

function upstreamIn(kind: 'upstreams' | 'services' | 'routes', value: unknown): ObjectOf<'upstreams'> | undefined {
  if (value === null) return undefined;
  if (kind === 'upstreams') return value as ObjectOf<'upstreams'>;
  if (kind === 'services') return (value as ObjectOf<'services'>).upstream;
  const route = value as ObjectOf<'routes'>;
  return route.status === 0 ? undefined : route.upstream;
}
