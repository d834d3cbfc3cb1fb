/** What the window algorithms need of the cells: columns that a slot selects. */
export interface WindowCells {
  /** When the count is worth nothing any more, on the monotonic clock. */
  readonly expires_ms: Float64Array;
  /** When the current window began. */
  readonly start_ms: Float64Array;
  /** Units of the current window. */
  readonly current: Float64Array;
  /** Units of the window before. */
  readonly previous: Float64Array;
}
