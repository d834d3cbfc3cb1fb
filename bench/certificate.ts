/** The certificate of all gateways in workloads over TLS: ECDSA on P-256. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAIR } from '../test/certificate.ts';

export { PAIR };

/** Whom it is for. */
export const NAME = 'a.example';

/** Files in a gateway's folder: the certificate, its key, and both. */
export const CERTIFICATE = 'cert.pem';
export const KEY = 'key.pem';
export const BOTH = 'both.pem';

export function writeCertificate(folder: string): void {
  writeFileSync(join(folder, CERTIFICATE), PAIR.cert);
  writeFileSync(join(folder, KEY), PAIR.key);
  writeFileSync(join(folder, BOTH), PAIR.cert + PAIR.key);
}
