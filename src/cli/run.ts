import { extname } from 'node:path';
import { systemClock } from '../clock/clock.ts';
import { findConfiguration } from '../config/configuration.ts';
import { Gateway } from '../threads/gateway.ts';
import { StartError, StartStopped } from '../threads/start-error.ts';
import { predecessor } from '../threads/upgrade.ts';
import { packageVersion } from './version.ts';
import { EXIT, type Io, parseOptions } from './arguments.ts';

/** `gatewright run [-c FILE] [--strict]`: starts the gateway and stays until it is told to stop. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const options = parseOptions(args, { config: { type: 'string', short: 'c' }, strict: { type: 'boolean' } });
  const early = new EarlySignals();
  const before = predecessor(io.env);
  try {
    const path = locate(options.config, io);
    const gateway = await Gateway.start({
      path,
      isStrict: options.strict === true,
      env: io.env,
      predecessor: before,
      isUnwanted: early.isUnwanted,
      clock: systemClock,
      threadModule: new URL(`./thread${extname(import.meta.url)}`, import.meta.url),
      version: packageVersion(),
    });
    const stopped = untilStopped(gateway);
    early.end();
    return endSoon(await stopped);
  } catch (error) {
    // The reason before the news, which the other process logs.
    if (error instanceof StartError) io.stderr(`gatewright: ${error.message}\n`);
    before?.fail();
    if (error instanceof StartStopped) return endSoon(EXIT.fine);
    if (!(error instanceof StartError)) throw error;
    return endSoon(EXIT.failed);
  }
}

/** What nobody takes, such as log lines for a pipe that nobody reads, keeps the process for so long at most. */
const LINGER_MS = 3_000;

function endSoon(code: number): number {
  setTimeout(() => process.exit(code), LINGER_MS).unref();
  return code;
}

/**
 * Signals that come before the gateway serves. To stop ends the start, and with a second one the process; what else is asked
 * for is done afterwards, where it would else end the process.
 */
class EarlySignals {
  private readonly stopping = new AbortController();
  private readonly seen = new Set<NodeJS.Signals>();
  private readonly note = (signal: NodeJS.Signals): void => void this.seen.add(signal);
  private readonly stop = (): void => {
    if (this.stopping.signal.aborted) process.exit(EXIT.forced);
    this.stopping.abort();
  };

  constructor() {
    for (const signal of LATER) process.on(signal, this.note);
    for (const signal of STOPPING) process.on(signal, this.stop);
  }

  get isUnwanted(): AbortSignal {
    return this.stopping.signal;
  }

  /** Others listen to them now. */
  end(): void {
    for (const signal of LATER) process.off(signal, this.note);
    for (const signal of STOPPING) process.off(signal, this.stop);
    if (this.isUnwanted.aborted) process.emit('SIGTERM', 'SIGTERM');
    for (const signal of this.seen) process.emit(signal, signal);
  }
}

const LATER = ['SIGHUP', 'SIGURG', 'SIGUSR2'] as const;
const STOPPING = ['SIGTERM', 'SIGQUIT', 'SIGINT'] as const;

function locate(explicit: string | undefined, io: Io): string {
  try {
    return findConfiguration(explicit, io.cwd, io.env);
  } catch (error) {
    throw new StartError((error as Error).message, { cause: error });
  }
}

/** The first signal lets running exchanges end, the second ends them. */
function untilStopped(gateway: Gateway): Promise<number> {
  return new Promise((resolve) => {
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) {
        gateway.abort();
        process.exit(EXIT.forced);
      }
      isStopping = true;
      void gateway.stop().then(() => resolve(EXIT.fine));
    };
    for (const signal of STOPPING) process.on(signal, stop);
    process.on('SIGHUP', () => gateway.reload());
    // Not USR1, which Node.js keeps for its inspector: and one that does no harm to a process that does not expect it.
    process.on('SIGURG', () => {
      if (isStopping) return;
      void gateway.upgrade().then((isReplaced) => {
        if (isReplaced && !isStopping) stop();
      });
    });
    process.on('SIGUSR2', () => gateway.reopenLogs());
    process.on('uncaughtException', (error) => {
      gateway.noteFault(error);
      void gateway.stop().then(() => resolve(EXIT.failed));
    });
  });
}
