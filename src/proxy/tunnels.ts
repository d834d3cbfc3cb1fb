import { Tunnel, type TunnelSettings } from '../http1/tunnel.ts';

/** The tunnels of the clients of one listener. */
export class Tunnels {
  private readonly settings: TunnelSettings;
  private readonly open = new Set<Tunnel>();
  private onDrained: (() => void) | null = null;

  constructor(settings: TunnelSettings) {
    this.settings = settings;
  }

  get size(): number {
    return this.open.size;
  }

  /** @param onOver called once */
  add(onOver: (tunnel: Tunnel) => void): Tunnel {
    const tunnel = new Tunnel(this.settings, (ended) => {
      this.open.delete(ended);
      onOver(ended);
      this.onDrained?.();
    });
    this.open.add(tunnel);
    if (this.onDrained !== null) tunnel.drain();
    return tunnel;
  }

  /** Takes leave of every one after a while, those included that are still to come. @param onEnded called after each that ends */
  drain(onEnded: () => void): void {
    this.onDrained = onEnded;
    for (const tunnel of this.open) tunnel.drain();
  }

  /** Ends every one at once. */
  cutOff(): void {
    for (const tunnel of this.open) tunnel.cutOff();
  }
}
