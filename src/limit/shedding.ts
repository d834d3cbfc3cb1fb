/**
 * Decides which requests a worker refuses while it has more to do than it can. Requests have priorities from 0 to 9; what
 * is shed is a level between 0 and 9: below its whole part all are refused, at its whole part its fraction of them, above
 * it none, so that nothing of priority 9 ever is. While the worker is overloaded the level rises, a priority a second;
 * while it is not, it falls more slowly. Priorities that nobody asks with are skipped: refusing what does not come helps
 * nobody.
 */

export interface SheddingSettings {
  /** Delay of the event loop above which the worker is overloaded. */
  readonly delay_ms: number;
  /** And below which it recovers; in between the level stays. */
  readonly recover_delay_ms: number;
  /** How long it must be overloaded before anything is refused. */
  readonly sustained_ms: number;
}

/** What was measured since the last time. */
export interface LoadSample {
  /** How late the event loop came to what was due, on average. */
  readonly delay_ms: number;
  /** Memory in use, as a share of its bound. */
  readonly memory_share: number;
}

export const PRIORITIES = 10;
const HIGHEST = PRIORITIES - 1;
/** Priorities that the level rises and falls in a second. */
const RISE_PER_S = 1;
const FALL_PER_S = 0.4;
/** Memory has recovered below this share of its bound. */
const MEMORY_RECOVERED = 0.95;

export type Pressure = 'over' | 'between' | 'under';

export function pressureOf(sample: LoadSample, { delay_ms, recover_delay_ms }: SheddingSettings): Pressure {
  if (sample.delay_ms > delay_ms || sample.memory_share > 1) return 'over';
  return sample.delay_ms < recover_delay_ms && sample.memory_share < MEMORY_RECOVERED ? 'under' : 'between';
}

/**
 * The level after some time under pressure.
 * @param isAsked whether requests of a priority came since the last time
 */
export function nextLevel(
  level: number,
  pressure: Pressure,
  elapsed_ms: number,
  isAsked: (priority: number) => boolean,
): number {
  if (pressure === 'over') {
    let from = level;
    while (from < HIGHEST && !isAsked(Math.floor(from))) from = Math.floor(from) + 1;
    // Nobody asks with anything that may be refused: what there is to do comes from elsewhere.
    if (from >= HIGHEST) return level;
    return Math.min(Math.floor(from) + 1, from + (elapsed_ms / 1000) * RISE_PER_S);
  }
  if (pressure === 'between' || level === 0) return level;
  // The priority that is refused in part, or else the highest that is refused as a whole.
  let band = Math.ceil(level) - 1;
  let to = level;
  while (band >= 0 && !isAsked(band)) to = band--;
  if (band < 0) return 0;
  return Math.max(band, to - (elapsed_ms / 1000) * FALL_PER_S);
}

/** The level of one worker, and the requests that it is about. */
export class Shedding {
  private readonly settings: SheddingSettings;
  private readonly onChange: (level: number, sample: LoadSample) => void;
  /** Requests since the last sample, by priority. */
  private readonly asked = new Uint32Array(PRIORITIES);
  /** What of a refusal the requests so far add up to. */
  private owed = 0;
  private level = 0;
  private over_ms = -1;
  private noted_ms = -1;

  /** @param onChange told when shedding begins, when it reaches another priority, and when it ends */
  constructor(settings: SheddingSettings, onChange: (level: number, sample: LoadSample) => void) {
    this.settings = settings;
    this.onChange = onChange;
  }

  get isShedding(): boolean {
    return this.level > 0;
  }

  /** Whether a request of that priority, 0 to 9, may pass. */
  admits(priority: number): boolean {
    this.asked[priority]!++;
    const { level } = this;
    if (level === 0 || priority > level) return true;
    const whole = Math.floor(level);
    if (priority < whole) return false;
    this.owed += level - whole;
    if (this.owed < 1) return true;
    this.owed--;
    return false;
  }

  note(sample: LoadSample, now_ms: number): void {
    const elapsed_ms = this.noted_ms < 0 ? 0 : Math.max(0, now_ms - this.noted_ms);
    this.noted_ms = now_ms;
    const pressure = pressureOf(sample, this.settings);
    if (pressure !== 'over') this.over_ms = -1;
    else if (this.over_ms < 0) this.over_ms = now_ms - elapsed_ms;
    const isBearable = pressure === 'over' && now_ms - this.over_ms < this.settings.sustained_ms;
    const before = this.level;
    // A loop that hung for long took one decision late; it did not have all that time to see what a decision does.
    const step_ms = Math.min(elapsed_ms, this.settings.sustained_ms);
    if (!isBearable) this.level = nextLevel(before, pressure, step_ms, (priority) => this.asked[priority]! > 0);
    this.asked.fill(0);
    if (Math.ceil(before) !== Math.ceil(this.level)) this.onChange(this.level, sample);
  }
}
