/**
 * Renews access tokens: once for all requests of a session that come at the same moment, in whichever worker. A refresh token may
 * be good for one use only, and a page asks for many things at once.
 */
import { hash } from 'node:crypto';
import type { Host, Place } from '../../sdk/index.ts';
import type { Login } from './login.ts';
import type { Sealer } from './seal.ts';
import { parseSession, type Session } from './session.ts';

export interface RenewalParts {
  readonly host: Host;
  readonly login: Login;
  readonly sealer: Sealer;
}

/** Requests with the old cookie come for so long after a renewal. */
const SHARED_MS = 60_000;
const WAIT_MS = 25;
const LONGEST_WAIT_MS = 10_000;

export class Renewals {
  private readonly parts: RenewalParts;
  private readonly underWay = new Map<string, Promise<Session | null>>();

  constructor(parts: RenewalParts) {
    this.parts = parts;
  }

  /** @returns null if the provider says no. Rejects with a `ProviderFault` */
  renew(session: Session): Promise<Session | null> {
    const key = hash('sha256', session.refreshToken ?? '', 'base64url');
    const shared = this.shared(key);
    if (shared !== null) return Promise.resolve(shared);
    let renewal = this.underWay.get(key);
    if (renewal === undefined) {
      renewal = this.ask(session, key).finally(() => this.underWay.delete(key));
      this.underWay.set(key, renewal);
    }
    return renewal;
  }

  private async ask(session: Session, key: string): Promise<Session | null> {
    const { host, login, sealer } = this.parts;
    const place = await this.turn(key);
    try {
      const shared = this.shared(key);
      if (shared !== null) return shared;
      const renewed = await login.renew(session);
      if (typeof renewed !== 'string') {
        host.kv.set(`renewed:${key}`, sealer.seal(key, JSON.stringify(renewed)), SHARED_MS);
        return renewed;
      }
      host.log.info('renewal_refused', { reason: renewed });
      return null;
    } finally {
      place?.leave();
    }
  }

  /** What another request got for the same refresh token a moment ago. */
  private shared(key: string): Session | null {
    const { host, sealer } = this.parts;
    const sealed = host.kv.get(`renewed:${key}`);
    const text = sealed === undefined ? null : sealer.open(key, sealed);
    return text === null ? null : parseSession(text);
  }

  /** One worker at a time. Who waits too long goes on without: the provider then says what is true. */
  private async turn(key: string): Promise<Place | null> {
    const { host } = this.parts;
    const places = host.cells.places('renewals');
    for (let waited_ms = 0; waited_ms <= LONGEST_WAIT_MS; waited_ms += WAIT_MS) {
      const place = places.enter(key, 1);
      if (place !== null) return place;
      await new Promise<void>((resolve) => void host.startTimer(WAIT_MS, resolve));
    }
    return null;
  }
}
