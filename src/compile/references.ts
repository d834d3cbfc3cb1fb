/** References between objects other than those of routes, which `compileRoute` follows. */
import type { Problem } from '../model/problem.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { AllReadings } from './read-objects.ts';

export function checkReferences(readings: AllReadings, problems: Problem[]): void {
  for (const { raw, value } of readings.services.values()) {
    check(
      value?.upstream_id,
      readings.upstreams,
      { path: pathOf(raw.path, 'upstream_id'), noun: 'upstream' },
      problems,
    );
  }
  for (const { raw, value } of readings.consumers.values()) {
    const path = pathOf(raw.path, 'group_id');
    check(value?.group_id, readings.consumer_groups, { path, noun: 'consumer group' }, problems);
  }
  for (const [id, { raw, value }] of readings.credentials) {
    const username = id.slice(0, id.indexOf('/'));
    if (value !== null)
      check(username, readings.consumers, { path: pathOf(raw.path, 'id'), noun: 'consumer' }, problems);
  }
}

function check(
  reference: string | number | undefined,
  targets: ReadonlyMap<string, unknown>,
  { path, noun }: { readonly path: string; readonly noun: string },
  problems: Problem[],
): void {
  if (reference === undefined || targets.has(String(reference))) return;
  const message = `there is no ${noun} with the id ${quote(String(reference))}`;
  problems.push({ path, value: reference, code: 'dangling_reference', message });
}
