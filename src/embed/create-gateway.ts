/** `createGateway`: a gateway inside of a program. */
import path from 'node:path';
import { type Configuration, loadConfiguration, readDocument } from '../config/configuration.ts';
import { loadPlugins } from '../config/plugin-files.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { pathOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import type {
  ConfigurationSource,
  CreateGatewayOptions,
  FetchOptions,
  Gateway,
  InForce,
  ListeningAddress,
} from './contract.ts';
import { exchangeRecord } from './exchange-record.ts';
import { fetchThrough } from './fetch.ts';
import { LocalGateway } from './local-gateway.ts';
import { refusedSettings } from './refused-settings.ts';

/**
 * Makes a gateway of a configuration. It takes no signals, never ends the process, and shares nothing with other gateways:
 * a program may have several. Rejects with a ConfigurationError that has all problems.
 */
export async function createGateway(options: CreateGatewayOptions): Promise<Gateway> {
  const { config, plugins = [], env = process.env, onLog, onExchange } = options;
  const configuration = await read(config, env);
  const { settings } = configuration;
  const loaded = await loadPlugins(ALL_PLUGINS, settings.plugin_files);
  const own = ownPlugins(plugins, loaded.plugins);
  const problems = [...refusedSettings(settings), ...loaded.problems, ...own.problems].map(configuration.dress);
  const local = new LocalGateway({
    configuration,
    place: placeOf(config),
    env,
    plugins: [...loaded.plugins, ...own.plugins],
    problems,
    onLog: onLog ?? null,
    onExchange: onExchange === undefined ? null : (record) => onExchange(exchangeRecord(record)),
    reusePort: false,
  });
  return new Embedded(local, settings, env);
}

class Embedded implements Gateway {
  addresses: readonly ListeningAddress[] = [];
  private readonly local: LocalGateway;
  private readonly settings: GatewaySettings;
  private readonly env: Readonly<Record<string, string | undefined>>;
  private starting: Promise<readonly ListeningAddress[]> | null = null;

  constructor(local: LocalGateway, settings: GatewaySettings, env: Readonly<Record<string, string | undefined>>) {
    this.local = local;
    this.settings = settings;
    this.env = env;
  }

  get revision(): number {
    return this.local.revision;
  }

  start(): Promise<readonly ListeningAddress[]> {
    this.starting ??= this.local.listen().then((addresses) => (this.addresses = addresses));
    return this.starting;
  }

  async apply(config: ConfigurationSource): Promise<InForce> {
    const configuration = await read(config, this.env);
    const problems: Problem[] = [];
    const isRead = configuration.problems.length === 0;
    if (isRead && JSON.stringify(configuration.settings) !== JSON.stringify(this.settings)) {
      const message = 'it cannot change while the gateway runs: make another gateway, and stop this one';
      problems.push(configuration.dress({ path: 'gateway', code: 'not_supported', message }));
    }
    return this.local.apply(configuration, placeOf(config), problems);
  }

  async fetch(input: string | URL | Request, { remoteAddress = '127.0.0.1', ...init }: FetchOptions = {}) {
    return fetchThrough(new Request(input, init), this.local.connect(remoteAddress));
  }

  metrics(): string {
    return this.local.metricsText();
  }

  async stop({ drain_ms = this.settings.timeouts.drain_timeout_ms }: { readonly drain_ms?: number } = {}) {
    this.addresses = [];
    await this.local.stop(drain_ms);
  }
}

function read(config: ConfigurationSource, env: Readonly<Record<string, string | undefined>>): Promise<Configuration> {
  return typeof config === 'string'
    ? loadConfiguration(path.resolve(config), env)
    : readDocument(config, process.cwd());
}

function placeOf(config: ConfigurationSource): string {
  return typeof config === 'string' ? path.resolve(config) : '';
}

function ownPlugins(plugins: readonly AnyPlugin[], others: readonly AnyPlugin[]) {
  const kept: AnyPlugin[] = [];
  const problems: Problem[] = [];
  for (const [i, plugin] of plugins.entries()) {
    const isTaken = [...others, ...kept].some(({ name }) => name === plugin.name);
    if (!isTaken) kept.push(plugin);
    else {
      const message = `there is a plugin "${plugin.name}" already: give it another name`;
      problems.push({ path: pathOf('plugins', i), value: plugin.name, code: 'duplicate', message });
    }
  }
  return { plugins: kept, problems };
}
