/** Randomness that is the same for the same seed (the generator sfc32 of Chris Doty-Humphrey's PractRand). */
export class SeededRandom {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /** Begins anew. */
  seed(seed: number): void {
    this.a = Math.trunc(seed / 0x1_0000_0000) | 0;
    this.b = seed | 0;
    this.c = 0x9e37_79b9;
    this.counter = 1;
    // Seeds that differ in one bit begin alike.
    for (let i = 0; i < 15; i++) this.word();
  }

  /** Uniform in [0, 1). */
  readonly random = (): number => (this.word() >>> 0) / 0x1_0000_0000;

  readonly randomBytes = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    let word = 0;
    for (let i = 0; i < length; i++) {
      if (i % 4 === 0) word = this.word();
      bytes[i] = word;
      word >>>= 8;
    }
    return bytes;
  };

  private word(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return sum;
  }
}
