/** `Sun, 06 Nov 1994 08:49:37 GMT`: IMF-fixdate of RFC 9110 §5.6.7, the one form that is sent. */

const FORM =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** In milliseconds since the epoch; null for what is no such date. */
export function parseHttpDate(text: string): number | null {
  if (!FORM.test(text)) return null;
  const time_ms = Date.parse(text);
  // Also for the 30th of February, and for a day of the week that it was not.
  return Number.isNaN(time_ms) || new Date(time_ms).toUTCString() !== text ? null : time_ms;
}
