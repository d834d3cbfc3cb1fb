/** The resolver of a gateway: in main, with the name servers and the files of the system. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock/clock.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import { createLookup, type DnsClient, type LookupOptions } from '../upstream/dns-lookup.ts';
import type { ToldAnswer } from '../upstream/name-answers.ts';
import { NameResolver } from '../upstream/name-resolver.ts';
import { parseHosts, parseSearch } from '../upstream/system-names.ts';
import { askServers } from './name-servers.ts';

export interface ResolverParts {
  readonly settings: GatewaySettings['dns'];
  readonly clock: Clock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
  readonly onTold: (told: readonly ToldAnswer[]) => void;
}

const HOSTS_FILE = '/etc/hosts';
const RESOLV_FILE = '/etc/resolv.conf';
/** How often the files are read at most. */
const FILES_MS = 5_000;

export function startResolver({ settings, clock, errorLog, metrics, onTold }: ResolverParts): NameResolver {
  const files = new SystemFiles(settings.servers, () => clock.monotonic_ms());
  const resolver = new NameResolver({
    lookup: createLookup({ family: settings.family, system: () => files.read() }),
    now_ms: () => clock.monotonic_ms(),
    random: Math.random,
    startTimer,
    minTtl_ms: settings.min_ttl_ms,
    maxTtl_ms: settings.max_ttl_ms,
    onTold,
    onFailed: ({ query, reason, isStale }) => {
      failures.add(1);
      errorLog.warn('name_not_resolved', { name: query.name, reason, serves: isStale ? 'the last answer' : 'nothing' });
    },
    onRecovered: ({ name }) => errorLog.info('name_resolved', { name }),
  });
  const labels: string[] = [];
  const names = metrics.gauge('gatewright_resolved_names', { help: 'Names that are kept resolved.', labels });
  const failures = metrics.counter('gatewright_name_failures_total', {
    help: 'Names that could not be resolved after they could, or at first.',
    labels,
  });
  metrics.onCollect(() => names.set(resolver.size));
  return resolver;
}

type System = Awaited<ReturnType<LookupOptions['system']>>;

/** Both files as they are now, and a client that asks the servers that stand in the second. */
class SystemFiles {
  private readonly servers: readonly string[];
  private readonly now_ms: () => number;
  private readAt_ms = -Infinity;
  private current: Promise<System> | null = null;
  private resolvText: string | null = null;
  private client: DnsClient | null = null;

  constructor(servers: readonly string[], now_ms: () => number) {
    this.servers = servers;
    this.now_ms = now_ms;
  }

  read(): Promise<System> {
    const now_ms = this.now_ms();
    if (this.current === null || now_ms - this.readAt_ms >= FILES_MS) {
      this.readAt_ms = now_ms;
      this.current = this.readNow();
    }
    return this.current;
  }

  private async readNow(): Promise<System> {
    const [hosts, resolv] = await Promise.all([textOf(HOSTS_FILE), textOf(RESOLV_FILE)]);
    if (this.client === null || resolv !== this.resolvText) {
      this.resolvText = resolv;
      this.client = askServers(this.servers);
    }
    return { hosts: parseHosts(hosts), search: parseSearch(resolv), client: this.client };
  }
}

/** A file that is not there says nothing. */
function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function startTimer(delay_ms: number, onExpired: () => void): { stop(): void } {
  const timer = setTimeout(onExpired, delay_ms);
  return { stop: () => clearTimeout(timer) };
}
