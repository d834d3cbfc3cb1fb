/** The thread of `gatewright dev` that a gateway runs in: changed code comes into force by another thread in its place. */
import { enableCompileCache, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parentPort } from 'node:worker_threads';
import { type Configuration, loadConfiguration } from '../config/configuration.ts';
import { loadPlugins } from '../config/plugin-files.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { exchangeRecord } from '../embed/exchange-record.ts';
import { LocalGateway } from '../embed/local-gateway.ts';
import { refusedSettings } from '../embed/refused-settings.ts';
import type { Problem } from '../model/problem.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { plansOf } from '../threads/listener-plan.ts';
import { checkPlaces } from '../threads/ports.ts';
import { StartError } from '../threads/start-error.ts';
import type { DevData, FromDev, ToDev } from './messages.ts';

/** Of the gateway itself. */
const OWN = new URL('..', import.meta.url).href;
const DRAIN_MS = 5_000;

class DevThread {
  private readonly data: DevData;
  /** Files of plugins, and what they import. */
  private readonly code = new Set<string>();
  /** Once it could be made, and the settings that it was made with. */
  private gateway: LocalGateway | null = null;
  private settings: GatewaySettings | null = null;

  constructor(data: DevData) {
    this.data = data;
    registerHooks({
      load: (url, context, next) => {
        const isPeoples = url.startsWith('file:') && !url.startsWith(OWN) && !url.includes('/node_modules/');
        if (isPeoples) this.code.add(fileURLToPath(url));
        return next(url, context);
      },
    });
  }

  async start(): Promise<void> {
    const { path, env, reusePort } = this.data;
    const first = await loadConfiguration(path, env);
    const { settings } = first;
    const { plugins, problems } = await loadPlugins(ALL_PLUGINS, settings.plugin_files);
    // Those that are not there yet, too.
    for (const file of settings.plugin_files) this.code.add(file);
    this.tellSources(first);
    try {
      const gateway = new LocalGateway({
        configuration: this.forDev(first),
        place: path,
        env,
        plugins,
        problems: [...storeProblems(first), ...problems.map(first.dress)],
        onLog: (line) => post({ type: 'log', line }),
        onExchange: (record) => post({ type: 'exchange', record: exchangeRecord(record) }),
        reusePort,
      });
      post({ type: 'prepared', leftOut: refusedSettings(settings).map((problem) => problem.path) });
      this.gateway = gateway;
      this.settings = settings;
    } catch (error) {
      fail(error);
    }
  }

  async take(message: ToDev): Promise<void> {
    const { gateway, settings } = this;
    if (gateway === null || settings === null) return;
    try {
      if (message.type === 'listen') await this.listen(gateway);
      else if (message.type === 'reload') await this.reload(gateway, settings);
      else {
        await gateway.stop(DRAIN_MS);
        post({ type: 'stopped' });
        parentPort?.close();
      }
    } catch (error) {
      fail(error);
    }
  }

  private async listen(gateway: LocalGateway): Promise<void> {
    const { found } = this.data;
    // Ports are shared with the thread that this one replaces, and with nobody else.
    const taken = found === null ? await checkPlaces(plansOf(gateway.settings)) : [];
    if (taken.length > 0) throw new ConfigurationError(taken, this.data.path);
    const addresses = await gateway.listen(found ?? []);
    post({ type: 'listening', addresses, found: gateway.ports });
  }

  private async reload(gateway: LocalGateway, settings: GatewaySettings): Promise<void> {
    const { path, env } = this.data;
    const configuration = await loadConfiguration(path, env);
    this.tellSources(configuration);
    const isRead = configuration.problems.length === 0;
    if (isRead && JSON.stringify(configuration.settings) !== JSON.stringify(settings))
      return post({ type: 'outdated' });
    const stored = storeProblems(configuration);
    const { revision, warnings } = await gateway.apply(this.forDev(configuration), path, stored);
    post({ type: 'applied', revision, warnings });
  }

  private tellSources({ imports = [] }: Configuration): void {
    post({ type: 'sources', configuration: [this.data.path, ...imports], code: [...this.code] });
  }

  /** The log is what `dev` prints, and it prints each exchange itself. */
  private forDev(configuration: Configuration): Configuration {
    const { settings } = configuration;
    const changed = {
      ...settings,
      access_log: false as const,
      error_log: { ...settings.error_log, level: 'warn' as const },
    };
    return { ...configuration, settings: changed };
  }
}

function post(message: FromDev): void {
  parentPort?.postMessage(message);
}

function fail(error: unknown): void {
  if (error instanceof ConfigurationError) post({ type: 'problems', problems: error.problems });
  else if (error instanceof StartError) post({ type: 'failed', message: error.message });
  else if ((error as NodeJS.ErrnoException | null)?.syscall === 'listen') {
    post({ type: 'failed', message: (error as Error).message });
  } else throw error;
}

function storeProblems({ settings: { store } }: Configuration): Problem[] {
  if (store.type === 'file') return [];
  const message = `dev serves the objects of a file, not those of the store "${store.type}": gatewright dump prints them as one`;
  return [{ path: 'gateway.store.type', value: store.type, code: 'not_supported', message }];
}

enableCompileCache();
parentPort?.once('message', (message: ToDev) => {
  if (message.type !== 'begin') return;
  const thread = new DevThread(message.data);
  parentPort?.on('message', (next: ToDev) => void thread.take(next));
  void thread.start();
});
