/**
 * Two connections that have left HTTP for WebSocket (RFC 6455): bytes pass as they come, at the pace of who takes
 * them, and nothing is kept but what a slow peer has not taken of one read.
 */
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';
import type { TunnelEnd } from './tunnel-end.ts';
import { TunnelSide } from './tunnel-side.ts';

export interface TunnelSettings {
  readonly wheel: TimerWheel;
  /** Without a byte in either direction. */
  readonly idle_ms: number;
  /** Without a peer taking anything of what waits for it. */
  readonly send_ms: number;
  /** How long it goes on once `drain` was called. */
  readonly grace_ms: number;
  /** How long it goes on once `revoke` was called; null: as if it had not been. */
  readonly stale_ms: number | null;
  /** How long the peers may take to answer a close frame. */
  readonly linger_ms: number;
  /** Uniform in [0, 1): for masks (RFC 6455 §5.3). */
  readonly random: () => number;
  readonly onFault: (error: unknown) => void;
}

/** Why a tunnel ended; '' where the peers ended it. */
export type TunnelOutcome =
  | ''
  | 'client_closed'
  | 'upstream_reset'
  | 'tunnel_idle'
  | 'tunnel_stalled'
  | 'going_away'
  | 'revoked'
  | 'internal';

const OPEN = 0;
const GRACE = 1;
const LEAVING = 2;
const OVER = 3;

export class Tunnel extends TimedEntry {
  readonly settings: TunnelSettings;
  readonly client: TunnelSide;
  readonly upstream: TunnelSide;
  private readonly onOver: (tunnel: Tunnel) => void;
  private state = OPEN;
  private graceEnd_ms = 0;
  private graceReason: 'going_away' | 'revoked' = 'going_away';
  outcome: TunnelOutcome = '';

  /** @param onOver called once, when both connections are gone */
  constructor(settings: TunnelSettings, onOver: (tunnel: Tunnel) => void) {
    super();
    this.settings = settings;
    this.onOver = onOver;
    this.client = new TunnelSide(this, 'client_closed');
    this.upstream = new TunnelSide(this, 'upstream_reset');
    this.client.other = this.upstream;
    this.upstream.other = this.client;
  }

  /**
   * Joins the two, which its sides own.
   * @param head what the client is told first
   * @param ahead what came of the client behind its handshake
   * @param rest what came of the upstream behind its own
   */
  begin(ends: { client: TunnelEnd; upstream: TunnelEnd }, head: string, ahead: Buffer, rest: Buffer): void {
    const { client, upstream } = this;
    client.end = ends.client;
    upstream.end = ends.upstream;
    if (this.state === OPEN) this.touch();
    upstream.passFirst(head, rest);
    if (ahead.length > 0) client.onBytes(ahead, 0, ahead.length);
    // Their ends may have come before the tunnel was there.
    if (ends.client.hasEnded) client.onPeerEnd();
    if (ends.upstream.hasEnded) upstream.onPeerEnd();
  }

  get isLeaving(): boolean {
    return this.state === LEAVING;
  }

  /** Something passed. */
  touch(): void {
    if (this.state === OPEN) this.settings.wheel.arm(this, this.settings.idle_ms);
  }

  /** Lets it go on for a while, and then takes leave of both peers. */
  drain(): void {
    this.leaveWithin(this.settings.grace_ms, 'going_away');
  }

  /** Whom the client was let in as is not known any more: lets it go on for a while, and then takes leave of both peers. */
  revoke(): void {
    if (this.settings.stale_ms !== null) this.leaveWithin(this.settings.stale_ms, 'revoked');
  }

  /** What comes first counts. */
  private leaveWithin(delay_ms: number, reason: 'going_away' | 'revoked'): void {
    const { wheel } = this.settings;
    const end_ms = wheel.now_ms + delay_ms;
    if (this.state > GRACE || (this.state === GRACE && this.graceEnd_ms <= end_ms)) return;
    this.state = GRACE;
    this.graceEnd_ms = end_ms;
    this.graceReason = reason;
    wheel.arm(this, delay_ms);
  }

  /** RFC 6455 §7.4.1: policy violation, or going away. */
  get closeCode(): 1001 | 1008 {
    return this.outcome === 'revoked' ? 1008 : 1001;
  }

  /** Ends both connections at once. */
  cutOff(): void {
    this.end('going_away');
  }

  onDeadline(): void {
    const { client, upstream } = this;
    // Where the last words of one are on their way to the other, that one's pace decides.
    const isUnderWay = this.outcome === '' && (client.isOwing || upstream.isOwing);
    if (this.state === LEAVING && isUnderWay) this.awaitEnd();
    else if (this.state === LEAVING) this.end(this.outcome);
    else if (this.state === GRACE) this.leave(this.graceReason);
    // A slow peer is not idle: whether it takes anything at all is watched for apart.
    else if (client.isOwing || upstream.isOwing) this.touch();
    else this.leave('tunnel_idle');
  }

  /** Tells both peers that it is over, as soon as no frame is on its way to them, and waits a bounded time. */
  private leave(outcome: TunnelOutcome): void {
    this.outcome = outcome;
    this.awaitEnd();
    this.client.sayBye();
    this.upstream.sayBye();
  }

  /** Nothing is left but to end: in a bounded time. */
  awaitEnd(): void {
    if (this.state === OVER) return;
    this.state = LEAVING;
    this.settings.wheel.arm(this, this.settings.linger_ms);
  }

  /** Ends what is left. @param isCut so that nobody takes what came for complete */
  end(outcome: TunnelOutcome, isCut = false): void {
    if (this.state === OVER) return;
    this.outcome = outcome;
    this.client.cut(isCut);
    this.upstream.cut(isCut);
    this.checkOver();
  }

  /** One side is gone. */
  checkOver(): void {
    if (this.state === OVER || !this.client.isGone || !this.upstream.isGone) return;
    this.state = OVER;
    this.settings.wheel.remove(this);
    this.onOver(this);
  }
}
