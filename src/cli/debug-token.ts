/** `gatewright debug-token`: makes a token that shows its bearer what the gateway made of a request. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { systemClock } from '../clock/clock.ts';
import { LEAST_SECRET, makeDebugToken } from '../plugins/debug-headers/token.ts';
import { EXIT, FailedError, type Io, parseOptions, UsageError } from './arguments.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * `--for 15m --host HOST --path PATH --address ADDRESS --secret-file FILE`: prints the token. The secret, that of the plugin
 * debug-headers, comes from the file or from GATEWRIGHT_DEBUG_SECRET, never from the command line, which others can read.
 * Throws UsageError, FailedError.
 */
export function debugToken(args: readonly string[], io: Io): number {
  const options = parseOptions(args, {
    for: { type: 'string' },
    host: { type: 'string' },
    path: { type: 'string' },
    address: { type: 'string' },
    'secret-file': { type: 'string' },
  });
  const { host, path, address } = options;
  if (path !== undefined && !path.startsWith('/'))
    throw new UsageError(`the path "${path}" does not begin with a slash`);
  if (address !== undefined && isIP(address) === 0) throw new UsageError(`"${address}" is no IP address`);
  const secret = secretFrom(options['secret-file'], io);
  const exp = Math.floor(systemClock.wall_ms() / 1000) + seconds(options.for ?? '15m');
  const claims = {
    exp,
    ...(host === undefined ? {} : { host: host.toLowerCase() }),
    ...(path === undefined ? {} : { path }),
    ...(address === undefined ? {} : { address }),
  };
  io.stdout(`${makeDebugToken(claims, secret)}\n`);
  return EXIT.fine;
}

function seconds(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count === undefined || Number(count) === 0) {
    throw new UsageError(`"${text}" is no length of time: write 90s, 15m, 2h or 1d`);
  }
  return Number(count) * (UNITS[unit] ?? 1);
}

function secretFrom(file: string | undefined, io: Io): string {
  const secret = file === undefined ? io.env['GATEWRIGHT_DEBUG_SECRET'] : read(resolve(io.cwd, file));
  if (secret === undefined || secret === '') {
    throw new UsageError('name the file of the secret with --secret-file FILE, or set GATEWRIGHT_DEBUG_SECRET');
  }
  if (secret.length < LEAST_SECRET) throw new FailedError(`the secret has less than ${LEAST_SECRET} characters`);
  return secret;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new FailedError(`cannot read the secret: ${(error as Error).message}`);
  }
}
