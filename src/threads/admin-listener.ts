/** The Admin API of a gateway: its keys, its audit log, its listener. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { isatty } from 'node:tty';
import { AdminApi } from '../admin/api.ts';
import { startAdminServer, type TlsFiles } from '../admin/admin-server.ts';
import { loadFirstKey } from '../admin/first-key.ts';
import type { AdminKey } from '../admin/keys.ts';
import type { SideServer } from '../admin/side-server.ts';
import type { Clock } from '../clock/clock.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { AdminSettings } from '../config/admin-settings.ts';
import { matchingOf } from '../compile/snapshot.ts';
import { pluginSignature } from '../config/plugin-files.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import { LineWriter } from '../observe/line-writer.ts';
import type { Store } from '../store/store.ts';
import { openLog, schedule, type StandardStreams } from './logs.ts';
import { StartError } from './start-error.ts';

export interface AdminParts {
  readonly settings: GatewaySettings;
  readonly store: Store;
  readonly plugins: PluginRegistry;
  /** Of the configuration file: paths are relative to it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly errorLog: ErrorLog;
  readonly streams: StandardStreams;
  isServed(revision: number, within_ms: number): Promise<boolean>;
  onFault(error: unknown): void;
}

/** A write of 40,000 objects is recorded whole. */
const AUDIT_PENDING_BYTES = 64 * 1024 * 1024;

export interface AdminListener extends SideServer {
  /** Opens the audit log anew, after it was renamed. */
  reopenLogs(): void;
}

/** Null if none is asked for. Throws StartError, or the system's error if the port cannot be had. */
export async function startAdmin(parts: AdminParts): Promise<AdminListener | null> {
  const { settings, store, plugins, clock, errorLog, streams, folder } = parts;
  const { admin } = settings;
  if (admin === false || !admin.enabled) return null;
  const audit = new LineWriter({
    destination: openLog('gateway.admin.audit_log', inFolder(folder, admin.audit_log), streams),
    schedule,
    encoding: 'utf8',
    flush_ms: 0,
    maxPending_bytes: AUDIT_PENDING_BYTES,
    onFailure: (error) => errorLog.error('audit_log_failed', { error }),
  });
  const code = await pluginSignature(settings.plugin_files);
  const api = new AdminApi({
    store,
    plugins,
    matching: matchingOf(settings),
    now_ms: () => clock.wall_ms(),
    newId: randomUUID,
    onChange: (record) => audit.write(`${JSON.stringify(record)}\n`),
    isServed: (revision, within_ms) => parts.isServed(revision, within_ms),
    isCodeCurrent: async () => (await pluginSignature(settings.plugin_files)) === code,
  });
  const { address, port, allow, allow_anonymous: allowsAnonymous, max_body_bytes: maxBody_bytes } = admin;
  const close = async (): Promise<void> => {
    api.close();
    await audit.close();
  };
  try {
    const server = await startAdminServer({
      api,
      address,
      port,
      allow,
      allowsAnonymous,
      maxBody_bytes,
      keys: keysOf(admin, folder, streams),
      tls: tlsOf(admin, folder),
      onDenied: (detail) => errorLog.warn('admin_denied', detail),
      onError: (error) => parts.onFault(error),
    });
    errorLog.info('listening', { protocol: 'admin', address, port: server.port });
    return { port: server.port, close: () => server.close().then(close), reopenLogs: () => audit.reopen() };
  } catch (error) {
    await close();
    throw error;
  }
}

function keysOf(
  { keys, allow_anonymous, key_file }: AdminSettings,
  folder: string,
  streams: StandardStreams,
): readonly AdminKey[] {
  if (keys.length > 0 || allow_anonymous) return keys;
  const file = path.resolve(folder, key_file);
  try {
    const { key, isNew } = loadFirstKey(file);
    // The only time that it is shown, and never in a log that is kept.
    if (isNew) say(streams, `gatewright: made a key for the Admin API, kept in ${file}: ${key}\n`);
    return [{ name: 'first', key, role: 'admin' }];
  } catch (error) {
    throw new StartError(`gateway.admin.key_file: ${(error as Error).message}`, { cause: error });
  }
}

function say(streams: StandardStreams, line: string): void {
  streams.destination('stderr', isatty(2)).write(Buffer.from(line), () => undefined);
}

function tlsOf({ tls }: AdminSettings, folder: string): TlsFiles | null {
  if (tls === undefined) return null;
  const read = (attribute: 'cert' | 'key' | 'client_ca', file: string): string => {
    try {
      return readFileSync(path.resolve(folder, file), 'utf8');
    } catch (error) {
      throw new StartError(`gateway.admin.tls.${attribute}: ${(error as Error).message}`, { cause: error });
    }
  };
  const clientCa = tls.client_ca === undefined ? null : read('client_ca', tls.client_ca);
  const files = { cert: read('cert', tls.cert), key: read('key', tls.key), clientCa };
  try {
    createSecureContext({ cert: files.cert, key: files.key, ...(clientCa === null ? {} : { ca: clientCa }) });
  } catch (error) {
    throw new StartError(`gateway.admin.tls: ${(error as Error).message}`, { cause: error });
  }
  return files;
}

function inFolder(folder: string, file: string): string {
  return file === 'stdout' || file === 'stderr' ? file : path.resolve(folder, file);
}
