/** `gatewright dev`: a gateway for who works on its configuration and its plugins. */
import { isatty } from 'node:tty';
import path from 'node:path';
import { systemClock } from '../clock/clock.ts';
import { findConfiguration } from '../config/configuration.ts';
import { Development, type DevelopmentEvents } from '../dev/development.ts';
import { exchangeLine } from '../dev/exchange-line.ts';
import { printable, problemText } from '../dev/excerpt.ts';
import { painter, wantsColours } from '../dev/paint.ts';
import { EXIT, type Io, parseOptions, UsageError } from './arguments.ts';

/** `gatewright dev [-c FILE]`: stays until it is told to stop. Throws UsageError. */
export async function dev(args: readonly string[], io: Io): Promise<number> {
  const options = parseOptions(args, { config: { type: 'string', short: 'c' } });
  const file = locate(options.config, io);
  const development = new Development({
    path: file,
    env: io.env,
    events: printer(file, io),
    now_ms: () => systemClock.monotonic_ms(),
  });
  const stopped = untilSignal();
  await development.start();
  await stopped;
  await development.stop();
  return EXIT.fine;
}

function locate(explicit: string | undefined, io: Io): string {
  try {
    return findConfiguration(explicit, io.cwd, io.env);
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; gatewright init makes a project with one`);
  }
}

/** The second one ends everything at once. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (isStopping) process.exit(EXIT.forced);
        isStopping = true;
        resolve();
      });
    }
  });
}

function printer(file: string, { stdout, cwd, env }: Io): DevelopmentEvents {
  const paint = painter(wantsColours(isatty(1), env));
  const name = path.relative(cwd, file) || file;
  const kept = (hasOther: boolean): string =>
    hasOther ? 'what was right before still serves' : 'nothing is served until this is repaired';
  return {
    listening(addresses, leftOut) {
      const places = addresses.map(({ protocol, address, port }) =>
        address.startsWith('/') ? `${protocol} at ${address}` : `${protocol}://${hostOf(address)}:${port}`,
      );
      stdout(`${paint('green', 'listening')} on ${places.join(', ')}, following ${name}\n`);
      if (leftOut.length > 0) stdout(`${paint('grey', `left out here, as run has it: ${leftOut.join(', ')}`)}\n`);
    },
    applied(what, took_ms) {
      const subject = what === 'code' ? 'the changed code is' : `${name} is`;
      stdout(`${paint('green', 'applied')} ${subject} in force after ${Math.round(took_ms)} ms\n`);
    },
    broken(problems, hasOther) {
      stdout(`\n${problemText(problems, { file, cwd, env, paint })}${paint('yellow', kept(hasOther))}\n\n`);
    },
    failed(message, hasOther) {
      stdout(`\n${paint('red', 'failed:')} ${message.split('\n').map(printable).join('\n')}\n${kept(hasOther)}\n\n`);
    },
    exchange: (record) => stdout(`${paint('grey', time())} ${exchangeLine(record, paint)}\n`),
    // Line ends of a stack are written as \n in the log.
    log: (line) => stdout(`${paint('yellow', line.replaceAll('\\n', '\n    '))}\n`),
  };
}

function hostOf(address: string): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost';
  return address.includes(':') ? `[${address}]` : address;
}

function time(): string {
  return new Date(systemClock.wall_ms()).toTimeString().slice(0, 8);
}
