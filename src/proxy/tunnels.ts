import type { ConsumerIndex, ConsumerProof } from '../compile/chain.ts';
import { Tunnel, type TunnelSettings } from '../http1/tunnel.ts';

/** Whom the client of a tunnel was let in as. */
export interface TunnelCaller extends ConsumerProof {
  readonly username: string;
  /** '' where the consumer itself has the key. */
  readonly credentialId: string;
}

/** The tunnels of the clients of one listener. */
export class Tunnels {
  private readonly settings: TunnelSettings;
  private readonly open = new Map<Tunnel, TunnelCaller | null>();
  private onDrained: (() => void) | null = null;

  constructor(settings: TunnelSettings) {
    this.settings = settings;
  }

  get size(): number {
    return this.open.size;
  }

  /** @param caller null where nobody was asked who it is @param onOver called once */
  add(caller: TunnelCaller | null, onOver: (tunnel: Tunnel) => void): Tunnel {
    const tunnel = new Tunnel(this.settings, (ended) => {
      this.open.delete(ended);
      onOver(ended);
      this.onDrained?.();
    });
    this.open.set(tunnel, caller);
    if (this.onDrained !== null) tunnel.drain();
    return tunnel;
  }

  /** Takes leave of every one after a while, those included that are still to come. @param onEnded called after each that ends */
  drain(onEnded: () => void): void {
    this.onDrained = onEnded;
    for (const tunnel of this.open.keys()) tunnel.drain();
  }

  /** Takes leave, after a while, of those whose callers are not known any more, or not as they were. */
  recheck(consumers: ConsumerIndex | undefined): void {
    for (const [tunnel, caller] of this.open) if (caller !== null && !isKnown(caller, consumers)) tunnel.revoke();
  }

  /** Ends every one at once. */
  cutOff(): void {
    for (const tunnel of this.open.keys()) tunnel.cutOff();
  }
}

/** Whether a caller is known as it was. */
export function isKnown(caller: TunnelCaller, consumers: ConsumerIndex | undefined): boolean {
  const proof = consumers?.proofOf(caller.username, caller.credentialId);
  return proof !== undefined && proof.consumer === caller.consumer && proof.credential === caller.credential;
}
