/** What `gatewright dev` and the thread that its gateway runs in say to each other. */
import type { ExchangeRecord, ListeningAddress } from '../embed/contract.ts';
import type { FoundPorts } from '../threads/listener-plan.ts';
import type { Problem } from '../model/problem.ts';

export interface DevData {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the gateway that this one replaces listens: in the place of ports that are 0; null if it replaces none. */
  readonly found: FoundPorts | null;
  readonly reusePort: boolean;
}

export type ToDev =
  /** Read what is there. Threads are started before they are needed: loading a gateway takes longer than all that follows. */
  | { readonly type: 'begin'; readonly data: DevData }
  | { readonly type: 'listen' }
  | { readonly type: 'reload' }
  | { readonly type: 'stop' };

export type FromDev =
  /** Which files it is made of, whenever that is known anew. */
  | { readonly type: 'sources'; readonly configuration: readonly string[]; readonly code: readonly string[] }
  /** It could be put in force. */
  | { readonly type: 'prepared'; readonly leftOut: readonly string[] }
  | { readonly type: 'listening'; readonly addresses: readonly ListeningAddress[]; readonly found: FoundPorts }
  | { readonly type: 'applied'; readonly revision: number; readonly warnings: readonly Problem[] }
  /** What was read is not put in force: what is, stays. */
  | { readonly type: 'problems'; readonly problems: readonly Problem[] }
  /** The settings under `gateway` are others now: it takes a new gateway. */
  | { readonly type: 'outdated' }
  /** It cannot start at all. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'exchange'; readonly record: ExchangeRecord }
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'stopped' };
