import { readFileSync } from 'node:fs';
import { EXIT, type Io, parseOptions } from './arguments.ts';

/** The version of the package that is running. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** `gatewright version`: what runs, and on what. Throws UsageError. */
export function version(args: readonly string[], io: Io): number {
  parseOptions(args, {});
  io.stdout(`gatewright ${packageVersion()} (Node.js ${process.versions.node}, ${process.platform} ${process.arch})\n`);
  return EXIT.fine;
}
