/** Settings that only a process of its own can honour: an embedded gateway refuses them, each with the reason. */
import type { Problem } from '../model/problem.ts';
import { DEFAULT_SETTINGS } from '../config/settings.ts';
import type { GatewaySettings } from '../config/settings.ts';

const REASONS = {
  workers: 'an embedded gateway runs in the thread that made it: leave it out',
  pid_file: 'the process is not the gateway’s own: leave it out',
  admin: 'an embedded gateway has no Admin API: use apply()',
  control: 'an embedded gateway has no Control API and no probes: it tells revision and addresses itself',
  metrics: 'an embedded gateway opens no port for metrics: use metrics()',
  store: 'an embedded gateway has its objects from its configuration: use apply()',
} as const satisfies Partial<Record<keyof GatewaySettings, string>>;

export function refusedSettings(settings: GatewaySettings): Problem[] {
  return (Object.keys(REASONS) as (keyof typeof REASONS)[])
    .filter((key) => !isDefault(settings, key))
    .map((key) => ({ path: `gateway.${key}`, code: 'not_supported', message: REASONS[key] }));
}

function isDefault(settings: GatewaySettings, key: keyof typeof REASONS): boolean {
  if (key === 'workers' && settings.workers === 1) return true;
  return JSON.stringify(settings[key]) === JSON.stringify(DEFAULT_SETTINGS[key]);
}
