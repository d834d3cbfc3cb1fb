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

/** What was asked for could not be done; the message is for people. */
export class FailedError extends Error {}

/** Options of a verb, none of them positional. Throws UsageError. */
export function parseOptions<const O extends ParseArgsOptionsConfig>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Options of a verb that takes names besides, `least` to `most` of them. Throws UsageError. */
export function parseVerb<const O extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: O,
  usage: string,
  [least, most]: readonly [number, number],
) {
  const parsed = parsePositionals(args, options);
  const { length } = parsed.positionals;
  if (length < least || length > most)
    throw new UsageError(`expected ${usage}, found ${length === 0 ? 'nothing' : parsed.positionals.join(' ')}`);
  return { values: parsed.values, names: parsed.positionals };
}

function parsePositionals<const O extends ParseArgsOptionsConfig>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
