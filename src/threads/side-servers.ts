/** The servers beside the traffic that control has: status with the Control API, and metrics. The Admin API is its objects'. */
import { startMetricsServer } from '../admin/metrics-server.ts';
import type { MetricsServerOptions } from '../admin/metrics-server.ts';
import type { SideServer } from '../admin/side-server.ts';
import { startStatusServer } from '../admin/status.ts';
import type { StatusOptions } from '../admin/status.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import type { SidePorts } from './messages.ts';
import { listenProblem } from './start-error.ts';

type Kind = keyof SidePorts;

export interface SideServersOptions extends Pick<
  StatusOptions,
  'isReady' | 'remarks' | 'health' | 'control' | 'onError'
> {
  readonly settings: GatewaySettings;
  readonly errorLog: ErrorLog;
  readonly render: MetricsServerOptions['render'];
  /** Null if there is none to open now. */
  readonly openAdmin: () => Promise<SideServer | null>;
}

export class SideServers {
  private readonly options: SideServersOptions;
  private readonly open = new Map<Kind, SideServer>();

  constructor(options: SideServersOptions) {
    this.options = options;
  }

  /** Opens those that are not open yet. Rejects with StartError, or with the system's error. */
  async listen(): Promise<void> {
    await this.start('metrics', () => this.openMetrics());
    await this.start('admin', this.options.openAdmin);
    await this.start('control', () => this.openStatus());
  }

  get ports(): SidePorts {
    return Object.fromEntries(Array.from(this.open, ([kind, { port }]) => [kind, port]));
  }

  async close(): Promise<void> {
    const servers = [...this.open.values()];
    this.open.clear();
    await Promise.all(servers.map((server) => server.close()));
  }

  private async start(kind: Kind, open: () => Promise<SideServer | null>): Promise<void> {
    if (this.open.has(kind)) return;
    const server = await open();
    if (server !== null) this.open.set(kind, server);
  }

  private async openMetrics(): Promise<SideServer | null> {
    const { settings, render, onError, errorLog } = this.options;
    const { metrics } = settings;
    if (metrics === false) return null;
    const server = await startMetricsServer({ ...metrics, render, onError });
    errorLog.info('listening', { protocol: 'metrics', address: metrics.address, port: server.port });
    return server;
  }

  private async openStatus(): Promise<SideServer | null> {
    const { settings, errorLog } = this.options;
    const { control, controlExplicit } = settings;
    try {
      const server = await startStatusServer({ ...this.options, ...control });
      errorLog.info('listening', { protocol: 'control', address: control.address, port: server.port });
      return server;
    } catch (error) {
      if (controlExplicit) throw error;
      const remedy = 'name another one with gateway.control.port';
      errorLog.warn('no_status_endpoints', { reason: listenProblem(error), remedy });
      return null;
    }
  }
}

/** Ports that were found at a start stay what they are. */
export function withPorts(settings: GatewaySettings, ports: SidePorts): GatewaySettings {
  const { metrics, admin, control } = settings;
  return {
    ...settings,
    metrics: metrics === false ? false : { ...metrics, port: ports.metrics ?? metrics.port },
    admin: admin === false ? false : { ...admin, port: ports.admin ?? admin.port },
    control: { ...control, port: ports.control ?? control.port },
  };
}
