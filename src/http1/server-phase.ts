/** What a client's connection is doing. */

/** Between requests, or within a head. */
export const IDLE = 0;
/** A request's body is arriving. */
export const BODY = 1;
/** The request is there as a whole, its answer is not. */
export const RESPONSE = 2;
/** The request was answered without its body, which is read and dropped so that the connection can be kept. */
export const DISCARD = 3;
/** The last answer was written; the client may still be sending. */
export const LINGER = 4;
export const CLOSED = 5;
