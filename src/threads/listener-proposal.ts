/** Control's side of a change of the listeners: main is asked to open what is new, and told what to make of it. */
import type { Configuration } from '../config/configuration.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { Problem } from '../model/problem.ts';
import type { FromControl } from './messages.ts';

type Listeners = Pick<GatewaySettings, 'http' | 'https'>;

export class ListenerProposals {
  private readonly post: (message: FromControl) => void;
  private current: Listeners;
  private onOpened: (problems: readonly Problem[]) => void = () => undefined;

  /** @param current what there is at the start */
  constructor(current: Listeners, post: (message: FromControl) => void) {
    this.post = post;
    this.current = { http: current.http, https: current.https };
  }

  /** Resolves when everything new is open, or nothing. The next one may begin once this one is settled. */
  async propose({ settings, problems }: Configuration): Promise<ListenerProposal> {
    const { http, https } = settings;
    // What a file with such a problem says of listeners is not known, or stands for the defaults.
    const isKnown = !problems.some(({ path }) => path === '' || path.startsWith('gateway'));
    if (!isKnown || JSON.stringify({ http, https }) === JSON.stringify(this.current)) return NOTHING;
    const found = await new Promise<readonly Problem[]>((resolve) => {
      this.onOpened = resolve;
      this.post({ type: 'open_listeners', http, https });
    });
    return {
      problems: found,
      settle: (isKept) => {
        const isInForce = isKept && found.length === 0;
        if (isInForce) this.current = { http, https };
        this.post({ type: 'settle_listeners', isKept: isInForce });
      },
    };
  }

  /** Main's answer. */
  opened(problems: readonly Problem[]): void {
    this.onOpened(problems);
  }
}

export interface ListenerProposal {
  /** With any, nothing was opened. */
  readonly problems: readonly Problem[];
  /** To be called once. @param isKept whether the rest of the change is in force */
  readonly settle: (isKept: boolean) => void;
}

const NOTHING: ListenerProposal = { problems: [], settle: () => undefined };

/** What listeners are not part of. */
export const textBesideListeners = (settings: GatewaySettings): string =>
  JSON.stringify({ ...settings, http: [], https: [] });
