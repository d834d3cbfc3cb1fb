import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/** What a verb may use of its surroundings: everything that a test wants to see or to set. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Exit codes of every verb. */
export const EXIT = { fine: 0, failed: 1, forced: 2, usage: 64 } as const;

/** The command line cannot be understood; the message says what would be right. */
export class UsageError extends Error {}

/** Options of a verb, none of them positional. Throws UsageError. */
export function parseOptions<const O extends ParseArgsOptionsConfig>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
