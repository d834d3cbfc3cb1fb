import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { HeadLimits } from './fields.ts';
import type { OwnedSocket } from './owned-socket.ts';
import type { OutgoingOwner } from './sockets.ts';

export interface ClientSettings {
  readonly limits: HeadLimits;
  readonly wheel: TimerWheel;
  /** Opens the socket of a connection; by TCP unless given. */
  readonly connect?: (address: { readonly host: string; readonly port: number }, owner: OutgoingOwner) => OwnedSocket;
}

export interface ClientTimeouts {
  readonly connect_ms: number;
  readonly send_ms: number;
  readonly read_ms: number;
}
