/** Certificates that have ended are not taken: what ends while it is stored goes on as it is, and is told of apart. */
import { certificatesIn } from '../model/certificate.ts';
import type { Kind } from '../model/object-set.ts';
import { pathOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { StoredObject } from '../store/store.ts';
import { isObject } from './change.ts';
import type { JsonObject } from './view.ts';

interface Place {
  readonly path: string;
  readonly pem: unknown;
}

/** @param stored what is there already: a certificate that stands there too is no news */
export function expiredProblems(
  kind: Kind,
  value: JsonObject,
  stored: StoredObject | undefined,
  now_ms: number,
): Problem[] {
  const known = new Set(placesOf(kind, stored?.value ?? {}).map(({ pem }) => pem));
  return placesOf(kind, value).flatMap(({ path, pem }): Problem[] => {
    if (typeof pem !== 'string' || known.has(pem)) return [];
    const ended = certificatesIn(pem).find(({ validToDate }) => validToDate.getTime() <= now_ms);
    if (ended === undefined) return [];
    const { subject, validToDate } = ended;
    const name = subject.replaceAll('\n', ', ').slice(0, 200);
    const message = `the certificate of ${name} ended at ${validToDate.toISOString()}: give one that is still good`;
    return [{ path, code: 'invalid_value', message }];
  });
}

/** Where certificates stand that peers are shown. */
function placesOf(kind: Kind, value: JsonObject): Place[] {
  if (kind === 'ssls') {
    if (value['status'] === 0) return [];
    const more = Array.isArray(value['certs']) ? (value['certs'] as unknown[]) : [];
    return [{ path: 'cert', pem: value['cert'] }, ...more.map((pem, i) => ({ path: pathOf('certs', i), pem }))];
  }
  if (kind === 'upstreams') return placesOfUpstream(value, '');
  if (kind !== 'routes' && kind !== 'services') return [];
  return isObject(value['upstream']) ? placesOfUpstream(value['upstream'], 'upstream.') : [];
}

function placesOfUpstream({ tls }: JsonObject, at: string): Place[] {
  return isObject(tls) ? [{ path: `${at}tls.client_cert`, pem: tls['client_cert'] }] : [];
}
