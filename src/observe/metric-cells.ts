/** The numbers of all series in one array, which one writer owns: a series is a place in it. */

const INITIAL = 1024;

export class MetricCells {
  data: Float64Array;
  #end = 0;
  readonly #free = new Map<number, number[]>();
  readonly #allocate: (length: number) => Float64Array;

  /** @param allocate makes room for so many numbers; called again, with more, when there is not enough */
  constructor(allocate: (length: number) => Float64Array = (length) => new Float64Array(length)) {
    this.#allocate = allocate;
    this.data = allocate(INITIAL);
  }

  /** The first of `width` numbers, all 0. */
  claim(width: number): number {
    const reused = this.#free.get(width)?.pop();
    if (reused !== undefined) {
      this.data.fill(0, reused, reused + width);
      return reused;
    }
    const at = this.#end;
    this.#end += width;
    if (this.#end > this.data.length) {
      const grown = this.#allocate(Math.max(this.#end, this.data.length * 2));
      grown.set(this.data);
      this.data = grown;
    }
    return at;
  }

  free(at: number, width: number): void {
    const places = this.#free.get(width);
    if (places === undefined) this.#free.set(width, [at]);
    else places.push(at);
  }
}
