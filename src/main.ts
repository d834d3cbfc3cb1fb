/** Entry: arguments → verb. */
import { enableCompileCache } from 'node:module';
import { EXIT, type Io, UsageError } from './cli/arguments.ts';

type Verb = (args: readonly string[], io: Io) => number | Promise<number>;

const VERBS: Record<string, { readonly summary: string; readonly load: () => Promise<Verb> }> = {
  run: { summary: 'start the gateway in the foreground', load: async () => (await import('./cli/run.ts')).run },
  check: {
    summary: 'name everything that is wrong with a configuration',
    load: async () => (await import('./cli/check.ts')).check,
  },
  schema: {
    summary: 'show what may be written in a configuration',
    load: async () => (await import('./cli/schema.ts')).schema,
  },
  plugins: {
    summary: 'list the plugins, or show what one of them takes',
    load: async () => (await import('./cli/plugins.ts')).plugins,
  },
  version: { summary: 'print the version', load: async () => (await import('./cli/version.ts')).version },
};

function usage(): string {
  const lines = Object.entries(VERBS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}\n`);
  return `usage: gatewright VERB [OPTION…]\n\n${lines.join('')}\nrun, check and plugins read the file named with -c FILE, else ./gatewright.yaml\n`;
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
  try {
    return await (
      await verb.load()
    )(rest, io);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.stderr(`gatewright ${name}: ${error.message}\n`);
    return EXIT.usage;
  }
}

enableCompileCache();
process.exitCode = await main(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
});
