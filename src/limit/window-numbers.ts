/** The numbers of a window's record, behind its EXPIRES. */
import { EXPIRES } from './slot-memory.ts';

export { EXPIRES };
/** Units of the current window. */
export const CURRENT = 1;
/** Units of the window before. */
export const PREVIOUS = 2;
/** When the current window began. */
export const START = 3;
export const WINDOW_NUMBERS = 4;
