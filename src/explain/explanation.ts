/** What would become of a request, and why: as plain data, for people and for tools. */
import type { NearRoute } from '../compile/near-routes.ts';
import type { SeenRequest } from '../testing/node-script.ts';
import type { ToldAttempt, ToldLimit } from '../testing/told.ts';

export interface Explanation {
  readonly request: AskedRequest;
  /** The route that serves it; null for none. */
  readonly route: ChosenRoute | null;
  /** The routes whose host and uri fit, in the order in which they are tried: why not, or that it is the one, or comes too late. */
  readonly considered: readonly ConsideredRoute[];
  /** Where none serves it: which came near. */
  readonly near: readonly NearRoute[];
  /** What runs in each phase, in its order. Phases that nothing runs in are left out. */
  readonly phases: Readonly<Partial<Record<PhaseName, readonly PhasePlugin[]>>>;
  readonly consumer: { readonly username: string; readonly groupId: string; readonly credentialId: string } | null;
  readonly limits: readonly ToldLimit[];
  readonly attempts: readonly ToldAttempt[];
  /** What the node would get; null where nothing is sent. */
  readonly sent: Pick<SeenRequest, 'node' | 'method' | 'target' | 'rawHeaders'> | null;
  readonly answer: Answer;
  /** Requests of plugins to other systems, which were not made: the answer depends on theirs. */
  readonly dependsOn: readonly string[];
}

export interface AskedRequest {
  readonly method: string;
  readonly host: string;
  /** As routes are matched with it. */
  readonly path: string;
  readonly from: string;
}

export interface ChosenRoute {
  readonly id: string;
  readonly name: string;
  readonly serviceId: string;
  readonly uri: string;
  /** '' for all hosts. */
  readonly host: string;
  /** Of its upstream, such as `upstreams/7`; '' without one. */
  readonly upstream: string;
}

export interface ConsideredRoute {
  readonly id: string;
  readonly name: string;
  /** The uri that fits. */
  readonly uri: string;
  readonly verdict: 'serves' | 'fails' | 'later';
  /** The first predicate that fails; '' for the others. */
  readonly reason: string;
}

export const PHASES = [
  'rewrite',
  'consumerRewrite',
  'access',
  'beforeProxy',
  'responseHead',
  'responseBody',
  'log',
] as const;
export type PhaseName = (typeof PHASES)[number];

export interface PhasePlugin {
  readonly plugin: string;
  readonly priority: number;
  /** Whose it is, such as `routes/1`. */
  readonly object: string;
  /** `_meta.filter` decides, and did so. */
  readonly isFilteredOut: boolean;
}

export interface Answer {
  /** 0: the upstream's. */
  readonly status: number;
  /** `upstream`, `gateway`, or the name of the plugin. */
  readonly repliedBy: string;
  readonly errorCode: string;
  /** Why an authentication plugin refused the caller, which the caller is not told; '' if none did. */
  readonly reason: string;
  /** Of one that is not the upstream's. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}
