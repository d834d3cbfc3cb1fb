import type { AccessRecord } from './access-record.ts';

/** Makes one field of a line, escaped and with its surroundings. */
export type FieldReader = (record: AccessRecord) => string;

/**
 * Most fields have the value that they had in the line before (host, route, node, status): to compare is several
 * times cheaper than to look at every character again. Remembers one value, which belongs to one log.
 */
export function remembering(read: FieldReader, make: (value: string) => string): FieldReader {
  let last = '';
  let made = make(last);
  return (record) => {
    const value = read(record);
    if (value !== last) {
      made = make(value);
      last = value;
    }
    return made;
  };
}
