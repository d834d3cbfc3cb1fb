/** A promise of what begins when somebody waits for it. */
export class Pending<T> implements Promise<T> {
  readonly [Symbol.toStringTag] = 'Promise';
  private readonly run: () => Promise<T>;
  private promise: Promise<T> | null = null;

  constructor(run: () => Promise<T>) {
    this.run = run;
  }

  then<R = T, E = never>(
    onFulfilled?: ((value: T) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    return this.begun().then(onFulfilled, onRejected);
  }

  catch<E = never>(onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null): Promise<T | E> {
    return this.begun().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.begun().finally(onFinally);
  }

  private begun(): Promise<T> {
    return (this.promise ??= this.run());
  }
}
