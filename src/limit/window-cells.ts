/**
 * What the window algorithms need of the cells: a row of four numbers for each slot, side by side, so that a decision
 * waits for memory once.
 */
export interface WindowCells {
  readonly rows: Float64Array;
}

/** Numbers of a row; a slot's begins at slot × ROW. */
export const ROW = 4;
/** When the count is worth nothing any more, on the monotonic clock. */
export const EXPIRES_MS = 0;
/** Units of the current window. */
export const CURRENT = 1;
/** Units of the window before. */
export const PREVIOUS = 2;
/** When the current window began. */
export const START_MS = 3;
