import type { Staple } from './stapler.ts';

/** The staples that one worker was told of. */
export class Staples {
  private readonly now_ms: () => number;
  private readonly known = new Map<string, { readonly bytes: Buffer; readonly until_ms: number }>();

  /** @param now_ms wall clock */
  constructor(now_ms: () => number) {
    this.now_ms = now_ms;
  }

  take(staples: readonly Staple[]): void {
    for (const { key, bytes, until_ms } of staples) {
      if (bytes === null) this.known.delete(key);
      else this.known.set(key, { bytes: Buffer.from(bytes), until_ms });
    }
  }

  /** Null: there is none, or none that is still good. */
  get(key: string): Buffer | null {
    const found = this.known.get(key);
    return found !== undefined && found.until_ms > this.now_ms() ? found.bytes : null;
  }
}
