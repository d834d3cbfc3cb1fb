/** What is known of somebody who logged in, and how long it counts. */
import type { SessionConfig } from './schema.ts';

/** Times are in seconds since the epoch. */
export interface Session {
  /** Random; the same after renewals. */
  readonly id: string;
  readonly sub: string;
  /** Of the provider's own session, '' if it names none. */
  readonly sid: string;
  readonly createdAt: number;
  /** Last renewal: see `rolling_timeout`. */
  readonly renewedAt: number;
  /** Last request that was noted. */
  readonly seenAt: number;
  /** When the provider last said that the log-in holds. */
  readonly confirmedAt: number;
  readonly accessToken?: string;
  /** Of the access token; absent if nobody says. */
  readonly expiresAt?: number;
  readonly refreshToken?: string;
  /** As the provider signed it. */
  readonly idToken?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  /** What was granted, as the provider said. */
  readonly scope?: string;
}

export interface Lives {
  readonly idling_s: number;
  readonly rolling_s: number;
  readonly absolute_s: number;
}

const ABSOLUTE_S = 86_400;
/** A request is noted at most so often: noting it means writing. */
const NOTED_S = 60;

export function livesOf({ idling_timeout, rolling_timeout, absolute_timeout, cookie }: SessionConfig): Lives {
  return {
    idling_s: idling_timeout,
    rolling_s: rolling_timeout,
    absolute_s: absolute_timeout ?? cookie.lifetime ?? ABSOLUTE_S,
  };
}

/** How long a session still counts if nothing more happens, in seconds; 0 or less: it is over. */
export function left_s({ createdAt, renewedAt, seenAt }: Session, lives: Lives, now_s: number): number {
  const until = Math.min(createdAt + lives.absolute_s, renewedAt + lives.rolling_s, seenAt + lives.idling_s);
  return until - now_s;
}

/** The session with this request noted; null where nothing is to be written. */
export function touched(session: Session, { idling_s, rolling_s }: Lives, now_s: number): Session | null {
  if (now_s - session.renewedAt > rolling_s * 0.75) return { ...session, renewedAt: now_s, seenAt: now_s };
  if (now_s - session.seenAt > Math.min(NOTED_S, idling_s / 4)) return { ...session, seenAt: now_s };
  return null;
}

/** Reads what was written; null for what is none, such as one of another version. */
export function parseSession(text: string): Session | null {
  try {
    const value = JSON.parse(text) as Partial<Session> | null;
    const isSession =
      typeof value === 'object' &&
      value !== null &&
      typeof value.id === 'string' &&
      typeof value.sub === 'string' &&
      typeof value.sid === 'string' &&
      [value.createdAt, value.renewedAt, value.seenAt, value.confirmedAt].every((each) => typeof each === 'number');
    return isSession ? (value as Session) : null;
  } catch {
    return null;
  }
}
