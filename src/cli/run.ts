import { extname } from 'node:path';
import { systemClock } from '../clock/clock.ts';
import { findConfiguration } from '../config/configuration.ts';
import { Gateway } from '../threads/gateway.ts';
import { StartError } from '../threads/start-error.ts';
import { packageVersion } from './version.ts';
import { EXIT, type Io, parseOptions } from './arguments.ts';

/** `gatewright run [-c FILE]`: starts the gateway and stays until it is told to stop. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const options = parseOptions(args, { config: { type: 'string', short: 'c' } });
  try {
    const path = locate(options.config, io);
    const gateway = await Gateway.start({
      path,
      env: io.env,
      clock: systemClock,
      threadModule: new URL(`./thread${extname(import.meta.url)}`, import.meta.url),
      version: packageVersion(),
    });
    return await untilStopped(gateway);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    io.stderr(`gatewright: ${error.message}\n`);
    return EXIT.failed;
  }
}

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
    for (const signal of ['SIGTERM', 'SIGQUIT', 'SIGINT'] as const) process.on(signal, stop);
    process.on('SIGHUP', () => gateway.reload());
    process.on('SIGUSR2', () => gateway.reopenLogs());
    process.on('uncaughtException', (error) => {
      gateway.noteFault(error);
      void gateway.stop().then(() => resolve(EXIT.failed));
    });
  });
}
