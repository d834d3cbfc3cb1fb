/** What threads say to each other. Everything is plain data: a change travels as JSON text, which costs its reader least. */
import type { MessagePort } from 'node:worker_threads';
import type { GatewaySettings } from '../config/settings.ts';
import type { FamilyShape } from '../observe/metric-family.ts';
import type { NameQuery } from '../compile/snapshot.ts';
import type { Staple, Stapled } from '../tls/stapler.ts';
import type { ToldAnswer } from '../upstream/name-answers.ts';
import type { CheckedUpstream } from '../upstream/health-monitor.ts';
import type { Problem } from '../model/problem.ts';
import type { FoundPorts, ListenerPlan } from './listener-plan.ts';
import type { SharedMemory } from './shared-memory.ts';

/** One end of a connection between two threads, or between two parts of one. */
export interface Port<In, Out> {
  post(message: Out): void;
  /** One receiver; messages that came before are kept for it. */
  receive(onMessage: (message: In) => void): void;
  /** The other end is gone. */
  onClose(callback: () => void): void;
  close(): void;
}

/** A batch of whole lines on its way to a standard stream, which main alone writes to. */
export interface LogBatch {
  readonly type: 'log';
  readonly id: number;
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface LogWritten {
  readonly type: 'log_written';
  readonly id: number;
  /** How much was taken; with an error, how much before it. */
  readonly written: number;
  readonly error: { readonly message: string; readonly code: string } | null;
}

/** What a thread is started with. */
export type ThreadData = ControlData | WorkerData;

interface CommonData {
  /** Unique in the process's life; main is 0. */
  readonly thread: number;
  readonly version: string;
  readonly memory: SharedMemory;
  /** What references in the configuration may mean. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ControlData extends CommonData {
  readonly role: 'control';
  /** The configuration file. */
  readonly path: string;
  /** Whether a change with any problem is refused as a whole. */
  readonly isStrict: boolean;
  /** Null for the first one of a process. */
  readonly restart: ControlRestart | null;
}

/** For a control thread that takes another one's place. */
export interface ControlRestart {
  /** What the workers run with, whatever stands in the file by now. */
  readonly settings: GatewaySettings;
  readonly ports: SidePorts;
  /** Whether it only keeps what is in force: its predecessors died of what they read. */
  readonly isHeld: boolean;
}

export interface WorkerData extends CommonData {
  readonly role: 'worker';
  readonly settings: GatewaySettings;
  /** Its place on the board, from 0. */
  readonly place: number;
  /** What it listens on. */
  readonly listeners: readonly ListenerPlan[];
  /** Whether the ports are shared with other workers. */
  readonly reusePort: boolean;
}

export type ToControl =
  /** A worker to feed. */
  | { readonly type: 'worker'; readonly thread: number; readonly port: MessagePort }
  /** A worker that answers no more: nothing waits for it. */
  | { readonly type: 'worker_stalled'; readonly thread: number }
  /** Open the side servers: traffic is served. */
  | { readonly type: 'serve' }
  /** To a restarted one, after all workers: what is in force is theirs. */
  | { readonly type: 'resume'; readonly disabled: readonly string[]; readonly isServed: boolean }
  /** Give up what only one process can have: another one takes its place. */
  | { readonly type: 'release' }
  | { readonly type: 'reload' }
  /** This plugin keeps ending workers. */
  | { readonly type: 'disable'; readonly plugin: string }
  /** Not ready any more; no change follows. */
  | { readonly type: 'drain' }
  | { readonly type: 'close' }
  | { readonly type: 'reopen_logs' }
  /** Of any other thread. */
  | { readonly type: 'metrics'; readonly thread: number; readonly feed: FeedMessage }
  /** What it counted is all that there will be. */
  | { readonly type: 'thread_left'; readonly thread: number }
  /** What came of `open_listeners`: with problems, nothing was opened. */
  | { readonly type: 'listeners_opened'; readonly problems: readonly Problem[] }
  | NamesTold
  | LogWritten;

export type FromControl =
  /** The configuration is sound; workers can be started. */
  | { readonly type: 'configured'; readonly settings: GatewaySettings }
  /** It is not, or a side server could not be started: the message is for whoever started the gateway. */
  | { readonly type: 'failed'; readonly message: string }
  /** The side servers listen; a restarted one says it twice if it opens the Admin API later. */
  | { readonly type: 'serving'; readonly ports: SidePorts }
  /** The side servers are closed. */
  | { readonly type: 'released' }
  /** The certificates that are to be stapled, all of them, whenever that changed. */
  | { readonly type: 'stapled'; readonly stapled: readonly Stapled[] }
  /** What main does for upstreams: nodes to probe, names to resolve; all of them, whenever that changed. */
  | { readonly type: 'upstreams'; readonly checked: readonly CheckedUpstream[]; readonly queries: readonly NameQuery[] }
  /** Open what is new of these listeners; those that are gone stay until they are settled. `listeners_opened` answers. */
  | ({ readonly type: 'open_listeners' } & Pick<GatewaySettings, 'http' | 'https'>)
  /** Close what the listeners that were opened do without; or, if they are not to be kept, close them. */
  | { readonly type: 'settle_listeners'; readonly isKept: boolean }
  /** Asks for the metrics of a thread; they come before `collected`. */
  | { readonly type: 'collect'; readonly thread: number; readonly id: number }
  /** Its own, for main to keep. */
  | { readonly type: 'metrics'; readonly feed: FeedMessage }
  | { readonly type: 'closed' }
  | LogBatch;

/** Where the side servers listen; absent for one that does not. */
export interface SidePorts {
  readonly metrics?: number;
  readonly admin?: number;
  readonly control?: number;
}

export type ToWorker =
  | { readonly type: 'drain' }
  /** To control; a later one is another control's, and the one before is gone. */
  | { readonly type: 'control'; readonly port: MessagePort }
  | { readonly type: 'collect'; readonly id: number }
  /** Cut off what is running. */
  | { readonly type: 'abort' }
  | { readonly type: 'reopen_logs' }
  /** Open those of them that are not open; all or none. `opened` answers. */
  | { readonly type: 'open'; readonly listeners: readonly ListenerPlan[] }
  /** These are what there is from now on. */
  | { readonly type: 'keep'; readonly listeners: readonly ListenerPlan[] }
  /** A process that was to take over came to nothing: what it took is to be had again. */
  | { readonly type: 'reclaim' }
  | NamesTold
  | StaplesTold
  | LogWritten;

/** What authorities say of certificates now. */
export interface StaplesTold {
  readonly type: 'staples';
  readonly staples: readonly Staple[];
}

/** What names resolve to now. */
export interface NamesTold {
  readonly type: 'names';
  readonly told: readonly ToldAnswer[];
}

export type FromWorker =
  /** Names that the configuration does not have, or not yet. */
  | { readonly type: 'resolve'; readonly queries: readonly NameQuery[] }
  | {
      readonly type: 'listening';
      readonly ports: FoundPorts;
      readonly isSlowPath: boolean;
      /** Names of the plugins; the first has number 1. */
      readonly plugins: readonly string[];
    }
  | { readonly type: 'opened'; readonly ports: FoundPorts; readonly problems: readonly Problem[] }
  /** It cannot start; the message is for whoever started the gateway. */
  | { readonly type: 'failed'; readonly message: string }
  /** An error that nobody caught, so that what the thread holds may be inconsistent; or its memory is full. */
  | { readonly type: 'faulted'; readonly cause: 'fault' | 'heap' }
  /** Every connection is gone, every line is written. */
  | { readonly type: 'drained' }
  | { readonly type: 'metrics'; readonly feed: FeedMessage }
  | LogBatch;

/** One object that is new or changed; its absence from the text is its removal. */
export interface ChangedObject {
  readonly key: string;
  /** JSON; null removes. */
  readonly text: string | null;
}

/** Control to a worker. */
export type ToFollower =
  /** Asks for what is in force there: the first message of every control. */
  | { readonly type: 'greet' }
  /** Asks for all objects in force, in pieces: one with each asking. */
  | { readonly type: 'tell' }
  /** Of one change, one after the other: the next is sent when the worker asks for `more`. */
  | { readonly type: 'objects'; readonly text: string }
  | Prepare
  | { readonly type: 'swap'; readonly revision: number }
  | { readonly type: 'abort'; readonly revision: number };

/** All objects are there: assemble them. */
export interface Prepare {
  readonly type: 'prepare';
  readonly revision: number;
  /** Plugins that must not run. */
  readonly disabled: readonly string[];
  /** Whether these are all objects that there are, instead of those that differ. */
  readonly isWhole: boolean;
}

export type FromFollower =
  /** 0 if nothing is in force yet. */
  | { readonly type: 'at'; readonly revision: number }
  /** A piece of what is in force; '' after the last one. */
  | { readonly type: 'told'; readonly text: string }
  | { readonly type: 'more' }
  | { readonly type: 'prepared'; readonly revision: number }
  | { readonly type: 'failed'; readonly revision: number; readonly reason: string }
  | { readonly type: 'swapped'; readonly revision: number };

/** News of the metrics of one thread. */
export type FeedMessage =
  /** The numbers are here from now on. */
  | { readonly type: 'cells'; readonly buffer: SharedArrayBuffer }
  | { readonly type: 'series'; readonly family: FedFamily; readonly labelText: string; readonly at: number }
  /** A series was forgotten, with its last numbers. */
  | { readonly type: 'gone'; readonly name: string; readonly at: number; readonly numbers: readonly number[] }
  | { readonly type: 'collected'; readonly id: number };

export interface FedFamily extends FamilyShape {
  /** See `MetricOptions`. */
  readonly expire_ms: number;
}
