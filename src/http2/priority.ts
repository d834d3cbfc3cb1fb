/** RFC 9218 §4: the value of a Priority field, a dictionary of RFC 8941 of which two members matter. */
export interface Priority {
  /** 0 is the most urgent, 7 the least; 3 unless said. */
  readonly urgency: number;
  readonly isIncremental: boolean;
}

export const DEFAULT_PRIORITY: Priority = { urgency: 3, isIncremental: false };

/** No priority that means anything is longer. */
export const MOST_PRIORITY_BYTES = 256;

/** Members that are malformed count as not there, as §4 wants it: a priority is a hint. The last one of a name counts. */
export function priorityOf(value: string): Priority {
  let { urgency, isIncremental } = DEFAULT_PRIORITY;
  for (const member of value.slice(0, MOST_PRIORITY_BYTES).split(',')) {
    const [name = '', said] = member.split(';', 1)[0]?.trim().split('=') ?? [];
    if (name === 'u' && said !== undefined && /^[0-7]$/.test(said)) urgency = Number(said);
    else if (name === 'i' && (said === undefined || said === '?1' || said === '?0')) isIncremental = said !== '?0';
  }
  return { urgency, isIncremental };
}
