/** A change of the listeners, by main: every worker opens what is new, and only then what is gone is closed; or nothing changes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Problem } from '../model/problem.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import type { GatewaySettings } from '../config/settings.ts';
import {
  type FoundPorts,
  hasUnknownPort,
  type ListenerPlan,
  placeFields,
  plansOf,
  portsIn,
  withPorts,
} from './listener-plan.ts';
import { checkPlaces } from './ports.ts';

export interface OpenedListeners {
  readonly ports: FoundPorts;
  readonly problems: readonly Problem[];
}

export interface ListeningWorker {
  /** Opens those that are not open; all or none. A worker that is gone has no problem. */
  open(plans: readonly ListenerPlan[]): Promise<OpenedListeners>;
}

/** What the configuration says of them. */
export type ListenerChoice = Pick<GatewaySettings, 'http' | 'https'>;

export interface ListenerChangesOptions {
  readonly fleet: {
    /** Where clients are accepted now. */
    readonly listeners: readonly ListenerPlan[];
    readonly listening: readonly ListeningWorker[];
    keepListeners(plans: readonly ListenerPlan[]): void;
  };
  readonly errorLog: Pick<ErrorLog, 'info'>;
  readonly onKept: (chosen: ListenerChoice) => void;
}

/** A worker that answers no more is replaced within this time, and its successor begins with what is in force then. */
const OPEN_MS = 15_000;
const SILENT: OpenedListeners = { ports: [], problems: [] };

export class ListenerChanges {
  private readonly options: ListenerChangesOptions;
  /** A change that is not settled. */
  private opened: { readonly chosen: ListenerChoice; plans: readonly ListenerPlan[] } | null = null;

  constructor(options: ListenerChangesOptions) {
    this.options = options;
  }

  /** Opens what is new; what is gone stays until the change is settled. @returns with any problem, nothing was opened */
  async open(chosen: ListenerChoice): Promise<readonly Problem[]> {
    const { listeners: current, listening: workers } = this.options.fleet;
    const known = new Set(current.map(({ key }) => key));
    let plans: readonly ListenerPlan[] = withPorts(plansOf(chosen), portsIn(current));
    const change = { chosen, plans };
    this.opened = change;
    const taken = await checkPlaces(
      plans.filter(({ key }) => !known.has(key)),
      current,
    );
    if (taken.length > 0) return taken;
    let rest = workers;
    const [first, ...others] = workers;
    if (first !== undefined && hasUnknownPort(plans)) {
      // Free ports are found by the first; the others share them.
      const { ports, problems } = await answer(first, plans);
      if (problems.length > 0) return problems;
      plans = withPorts(plans, ports);
      rest = others;
    }
    change.plans = plans;
    const answers = await Promise.all(rest.map((worker) => answer(worker, plans)));
    return distinct(answers.flatMap(({ problems }) => problems));
  }

  /** Closes what there is no more; or what was opened, if that is not to be kept. */
  settle(isKept: boolean): void {
    const { fleet, errorLog, onKept } = this.options;
    const { opened } = this;
    if (opened === null) return;
    this.opened = null;
    const before = fleet.listeners;
    const after = isKept ? opened.plans : before;
    fleet.keepListeners(after);
    if (!isKept) return;
    onKept(opened.chosen);
    for (const plan of without(after, before)) errorLog.info('listening', placeFields(plan));
    for (const plan of without(before, after)) errorLog.info('listener_closed', placeFields(plan));
  }

  /** Nobody is left to settle it. */
  abandon(): void {
    this.settle(false);
  }
}

function without(plans: readonly ListenerPlan[], others: readonly ListenerPlan[]): ListenerPlan[] {
  const keys = new Set(others.map(({ key }) => key));
  return plans.filter(({ key }) => !keys.has(key));
}

function answer(worker: ListeningWorker, plans: readonly ListenerPlan[]): Promise<OpenedListeners> {
  return Promise.race([worker.open(plans), delay(OPEN_MS, SILENT, { ref: false })]);
}

/** Several workers cannot have the same port for the same reason. */
function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
}
