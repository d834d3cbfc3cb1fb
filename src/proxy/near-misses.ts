/** Which routes came near, for exchanges that no route serves: worked out when somebody asks, and not too often. */
import { nearRoutes, nearText } from '../compile/near-routes.ts';
import type { Exchange } from './exchange.ts';

/** One takes up to a millisecond or two, and who asks for what is not there may do so all day. */
const PER_SECOND = 10;
const BURST = 20;

export class NearMisses {
  private allowance = BURST;
  private last_ms = 0;

  /** Undefined where a route matched, where none is near, and where too many were asked for. */
  textOf(exchange: Exchange): string | undefined {
    if (exchange.matched !== null || exchange.method === '' || !this.take(exchange.plane.clock.monotonic_ms())) {
      return undefined;
    }
    const text = nearText(nearRoutes(exchange.snapshot, exchange));
    return text === '' ? undefined : text;
  }

  private take(now_ms: number): boolean {
    this.allowance = Math.min(BURST, this.allowance + ((now_ms - this.last_ms) * PER_SECOND) / 1000);
    this.last_ms = now_ms;
    if (this.allowance < 1) return false;
    this.allowance--;
    return true;
  }
}
