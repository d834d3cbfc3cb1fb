/** One try at one node. */
export interface Attempt {
  /** `host:port`. */
  readonly address: string;
  readonly host: string;
  /** 0 if no head came. */
  readonly status: number;
  readonly elapsed_ms: number;
}
