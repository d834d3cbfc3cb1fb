/** Entry: arguments → verb. */
import { enableCompileCache } from 'node:module';
import { EXIT, FailedError, type Io, UsageError } from './cli/arguments.ts';

type Verb = (args: readonly string[], io: Io) => number | Promise<number>;

const VERBS: Record<string, { readonly summary: string; readonly load: () => Promise<Verb> }> = {
  run: { summary: 'start the gateway in the foreground', load: async () => (await import('./cli/run.ts')).run },
  init: {
    summary: 'make a project: a configuration, a plugin, tests and scripts',
    load: async () => (await import('./cli/init.ts')).init,
  },
  dev: {
    summary: 'run a gateway that follows its configuration and its plugins, and shows each request',
    load: async () => (await import('./cli/dev.ts')).dev,
  },
  reload: {
    summary: 'have a running gateway read its configuration again',
    load: async () => (await import('./cli/signals.ts')).reload,
  },
  stop: {
    summary: 'stop a running gateway, once its requests have ended',
    load: async () => (await import('./cli/signals.ts')).stop,
  },
  upgrade: {
    summary: 'replace a running gateway by a new process, without losing a request',
    load: async () => (await import('./cli/signals.ts')).upgrade,
  },
  check: {
    summary: 'name everything that is wrong with a configuration',
    load: async () => (await import('./cli/check.ts')).check,
  },
  explain: {
    summary: 'say what would become of a request, and why',
    load: async () => (await import('./cli/explain.ts')).explain,
  },
  test: {
    summary: 'run the tests that are kept beside a configuration',
    load: async () => (await import('./cli/test.ts')).test,
  },
  schema: {
    summary: 'show what may be written in a configuration',
    load: async () => (await import('./cli/schema.ts')).schema,
  },
  plugins: {
    summary: 'list the plugins, or show what one of them takes',
    load: async () => (await import('./cli/plugins.ts')).plugins,
  },
  get: { summary: 'show objects of a running gateway', load: async () => (await import('./cli/get.ts')).get },
  put: { summary: 'write one object', load: async () => (await import('./cli/put.ts')).put },
  delete: { summary: 'remove one object', load: async () => (await import('./cli/delete.ts')).remove },
  apply: {
    summary: 'make a running gateway have what a file says',
    load: async () => (await import('./cli/apply.ts')).apply,
  },
  dump: {
    summary: 'print all objects of a running gateway as a file',
    load: async () => (await import('./cli/dump.ts')).dump,
  },
  'debug-token': {
    summary: 'make a token that shows what the gateway made of a request',
    load: async () => (await import('./cli/debug-token.ts')).debugToken,
  },
  version: { summary: 'print the version', load: async () => (await import('./cli/version.ts')).version },
};

function usage(): string {
  const lines = Object.entries(VERBS).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}\n`);
  return `usage: gatewright VERB [OPTION…]\n\n${lines.join('')}\nrun, dev, check, explain and plugins read the file named with -c FILE, else ./gatewright.yaml\nget, put, delete, apply and dump call the Admin API at --server URL, with the key of --key-file FILE or GATEWRIGHT_ADMIN_KEY\n`;
}

async function main(args: readonly string[], io: Io): Promise<number> {
  const [name = '', ...rest] = args;
  if (name === 'help' || name === '--help' || name === '-h') {
    io.stdout(usage());
    return EXIT.fine;
  }
  const verb = VERBS[name === '--version' ? 'version' : name];
  if (verb === undefined) {
    io.stderr(name === '' ? usage() : `gatewright: there is no verb "${name}"\n\n${usage()}`);
    return EXIT.usage;
  }
  if (io.cwd === '') {
    io.stderr(`gatewright ${name}: the folder that it is started in is gone: start it in another one\n`);
    return EXIT.failed;
  }
  try {
    return await (
      await verb.load()
    )(rest, io);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof FailedError)) throw error;
    io.stderr(`gatewright ${name}: ${error.message}\n`);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

/** '' if it is gone. */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    return '';
  }
}

enableCompileCache();
process.exitCode = await main(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  env: process.env,
  cwd: currentFolder(),
});
