/** Times as log lines show them. The part that changes once a second is made once a second. */

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const THOUSANDTHS: readonly string[] = Array.from({ length: 1000 }, (_, i) => `.${String(i).padStart(3, '0')}`);

const two = (value: number): string => String(value).padStart(2, '0');

/** Seconds with three decimals: 12 becomes 0.012. Negative durations count as none. */
export function seconds(duration_ms: number): string {
  const whole = duration_ms > 0 ? Math.round(duration_ms) : 0;
  const part = whole % 1000;
  return `${(whole - part) / 1000}${THOUSANDTHS[part]}`;
}

/** Times of the local time zone. One instance belongs to one log; times out of order cost time, never a wrong answer. */
export class LogTime {
  private second = Number.NaN;
  private local = '';
  private isoSecond = '';
  private isoZone = '';

  /** As nginx's `$time_local`: 21/Nov/2026:14:03:09 +0000. */
  timeLocal(wall_ms: number): string {
    this.enter(wall_ms);
    return this.local;
  }

  /** ISO 8601 to the second: 2026-11-21T14:03:09+00:00. */
  iso(wall_ms: number): string {
    this.enter(wall_ms);
    return this.isoSecond + this.isoZone;
  }

  /** ISO 8601 to the millisecond: 2026-11-21T14:03:09.123+00:00. */
  isoMilliseconds(wall_ms: number): string {
    this.enter(wall_ms);
    return this.isoSecond + THOUSANDTHS[Math.floor(wall_ms) - this.second * 1000] + this.isoZone;
  }

  private enter(wall_ms: number): void {
    const second = Math.floor(wall_ms / 1000);
    if (second === this.second) return;
    this.second = second;
    const date = new Date(second * 1000);
    // getTimezoneOffset counts minutes west of Greenwich; both formats want the sign of the east.
    const east = -date.getTimezoneOffset();
    const sign = east < 0 ? '-' : '+';
    const hours = two(Math.floor(Math.abs(east) / 60));
    const minutes = two(Math.abs(east) % 60);
    const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    const year = String(date.getFullYear()).padStart(4, '0');
    this.local = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${year}:${time} ${sign}${hours}${minutes}`;
    this.isoSecond = `${year}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${time}`;
    this.isoZone = `${sign}${hours}:${minutes}`;
  }
}
