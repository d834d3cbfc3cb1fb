/** Certificates and keys in PEM, as objects hold them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';

/** The first certificate of a chain; null if there is none. */
export function parsedCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

/** Those of a chain that can be parsed, in their order. */
export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => parsedCertificate(block) ?? []);
}

interface PairNames {
  readonly cert: string;
  readonly key: string;
}

/** What is wrong with a certificate and its key; messages say nothing of the key itself. @param names of the two attributes */
export function pairProblems(cert: string, key: string, names: PairNames): { attribute: string; message: string }[] {
  const certificate = parsedCertificate(cert);
  if (certificate === null) {
    return [{ attribute: names.cert, message: 'is no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----' }];
  }
  try {
    if (certificate.checkPrivateKey(createPrivateKey(key))) return [];
    return [{ attribute: names.key, message: `is not the key of the certificate in "${names.cert}"` }];
  } catch {
    const message = 'is no private key in PEM, or one with a passphrase: give it without one';
    return [{ attribute: names.key, message }];
  }
}
