/** How a control thread begins: the first one of a process, or one that takes another one's place. */
import { compile, EMPTY_SNAPSHOT } from '../compile/compile.ts';
import { checkedPluginRegistry, pluginRegistry } from '../compile/plugin-registry.ts';
import { loadConfiguration } from '../config/configuration.ts';
import { loadPlugins } from '../config/plugin-files.ts';
import { Board } from './board.ts';
import { ControlThread, type ControlThreadOptions } from './control-thread.ts';
import { LogRelay } from './log-relay.ts';
import { checkAccessLog, checkLogs, openErrorLog } from './logs.ts';
import type { ControlRestart } from './messages.ts';
import { listOf } from './problem-text.ts';
import { StartError } from './start-error.ts';
import { letOthersFirst } from './thread-priority.ts';

const BEAT_MS = 100;

/** Tells main if the configuration is not fit to start with. */
export async function startControl(options: ControlThreadOptions): Promise<void> {
  const { data, main } = options;
  const place = new Board(data.memory.board).control;
  place.arrive();
  setInterval(() => place.beat(), BEAT_MS).unref();
  try {
    if (data.restart === null) await begin(options);
    else await resume(options, data.restart);
    // From here on, what it does is for changes. The threads for files and names, which the first reading started, keep their priority.
    letOthersFirst(place.systemId);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    main.post({ type: 'failed', message: error.message });
  }
}

async function begin(options: ControlThreadOptions): Promise<void> {
  const { data, main, clock } = options;
  const configuration = await loadConfiguration(data.path, data.env);
  const { settings, objects, dress } = configuration;
  const loaded = await loadPlugins(options.plugins, settings.plugin_files);
  const registry = pluginRegistry(loaded.plugins, data.env);
  const first = compile(objects, { settings, revision: 1, plugins: registry });
  const objectProblems = [...loaded.problems, ...first.problems].map(dress);
  const problems = [...configuration.problems, ...checkAccessLog(settings), ...objectProblems];
  if (problems.length > 0) throw new StartError(listOf(problems, data.path));
  checkLogs(settings);
  const relay = new LogRelay((batch) => main.post(batch));
  const errorLog = openErrorLog(settings, clock, relay);
  const parts = { ...options, settings, registry, errorLog, relay, first: first.snapshot };
  await new ControlThread({ ...parts, pluginCode: loaded.signature }).openObjects(configuration);
  main.post({ type: 'configured', settings });
}

/** What is in force is what the workers have, and what is read now is a change of it. */
async function resume(options: ControlThreadOptions, { settings, isHeld }: ControlRestart): Promise<void> {
  const { data, main, clock } = options;
  const { plugins, problems, signature } = await loadPlugins(options.plugins, settings.plugin_files);
  if (problems.length > 0) throw new StartError(listOf(problems, data.path));
  // What was checked before need not be checked again: checking it may be what is deadly.
  const registry = isHeld ? checkedPluginRegistry(plugins, new Set(), data.env) : pluginRegistry(plugins, data.env);
  const relay = new LogRelay((batch) => main.post(batch));
  const errorLog = openErrorLog(settings, clock, relay);
  const parts = { ...options, settings, registry, errorLog, relay, first: EMPTY_SNAPSHOT };
  const control = new ControlThread({ ...parts, pluginCode: signature });
  await control.recover();
  if (!isHeld) await control.openObjects(await loadConfiguration(data.path, data.env));
}
