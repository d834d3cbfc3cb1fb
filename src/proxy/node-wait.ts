/** A request that waits until the names of its upstream are resolved. */
import type { CompiledUpstream } from '../compile/snapshot.ts';
import type { Targets } from '../upstream/targets.ts';

export class NodeWait {
  private readonly settled = Promise.withResolvers<undefined>();
  private takeBack: () => void;

  constructor(targets: Targets, upstream: CompiledUpstream) {
    const look = (): void => {
      const { nodes, isPending } = targets.of(upstream);
      if (nodes.length > 0 || !isPending) this.settled.resolve(undefined);
      else this.takeBack = targets.onChange(look);
    };
    this.takeBack = targets.onChange(look);
  }

  /** Resolves when there are nodes, or it is known that there are none, or the wait was ended. */
  get over(): Promise<undefined> {
    return this.settled.promise;
  }

  end(): void {
    this.takeBack();
    this.settled.resolve(undefined);
  }
}
