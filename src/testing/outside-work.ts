/**
 * Work that this process has given away, to its thread pool for example, and that time in a test has to wait for: signing,
 * compressing, reading a file. Its end is real time's business; to let virtual time pass meanwhile would make a test depend on
 * the speed of the machine.
 */
import { createHook } from 'node:async_hooks';

/** What such work is called by node:async_hooks. */
const KINDS = /REQUEST$|^FSREQ|^ZLIB$|^GETADDRINFO|^QUERYWRAP$/;

export class OutsideWork {
  private readonly running = new Set<number>();
  private readonly hook;

  constructor() {
    const over = (id: number): void => void this.running.delete(id);
    // Promises are followed otherwise, and made slower by it; a version that does not know the option follows them.
    const options = {
      init: (id: number, type: string): void => {
        if (KINDS.test(type)) this.running.add(id);
      },
      after: over,
      destroy: over,
      trackPromises: false,
    };
    this.hook = createHook(options);
  }

  get isIdle(): boolean {
    return this.running.size === 0;
  }

  begin(): void {
    this.hook.enable();
  }

  end(): void {
    this.hook.disable();
    this.running.clear();
  }
}
