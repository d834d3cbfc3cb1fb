import type { Head } from '../http1/head.ts';
import { droppedFromResponse } from './forwarding.ts';

/** A 103 (RFC 8297) for the client: its fields without those of the hop. */
export function interimText(head: Head): string {
  return `HTTP/1.1 103 Early Hints\r\n${head.forwarded(droppedFromResponse('unframed', false))}\r\n`;
}
