import { STATUS_CODES } from 'node:http';

/** The reason phrase of a status that the gateway answers with itself. */
export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? 'Unknown';
}
