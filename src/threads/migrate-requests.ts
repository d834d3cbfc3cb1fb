/**
 * Connections that wait in the queue of a listener that closes are reset, unless Linux is told to give them to another
 * listener on the same port: `net.ipv4.tcp_migrate_req` (Linux 5.14). Without it, replacing a worker can cost some.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { HostLog } from '../sdk/host.ts';

const MIGRATE_REQ_FILE = '/proc/sys/net/ipv4/tcp_migrate_req';

/** Sets it where that is permitted, else says what would help. */
export function ensureMigration(log: HostLog, file = MIGRATE_REQ_FILE): void {
  const setting = read(file);
  // Other systems, and Linux before 5.14, have none.
  if (setting === null || setting === '1') return;
  try {
    writeFileSync(file, '1\n');
    log.info('tcp_migrate_req_set', { reason: 'connections that wait for a worker that ends go to its successor' });
  } catch {
    log.warn('tcp_migrate_req_off', {
      reason: 'connections that wait for a worker that ends are reset',
      remedy: 'sysctl -w net.ipv4.tcp_migrate_req=1',
    });
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}
