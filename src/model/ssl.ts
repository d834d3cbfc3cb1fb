/** SSL: a certificate with its key, and the server names that it serves. */
import { checkRegex } from '../sdk/regex.ts';
import type { Infer, Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, HOST_PATTERN, LABELS } from './attributes.ts';
import { certificatesIn, pairProblems, parsedCertificate } from './certificate.ts';
import { defineModel, type Report } from './object-model.ts';

const CERTIFICATE = { type: 'string', minLength: 1, maxLength: 65_536 } as const satisfies Schema;
const KEY = { type: 'string', minLength: 1, maxLength: 65_536, secret: true } as const satisfies Schema;
const SERVER_NAME = {
  type: 'string',
  minLength: 1,
  maxLength: 253,
  pattern: HOST_PATTERN,
  remedy: 'is no server name: use a name such as example.com or *.example.com',
} as const satisfies Schema;

export const sslSchema = {
  type: 'object',
  description: 'A certificate with its key, and the server names that it serves.',
  required: ['cert', 'key'],
  properties: {
    ...BOOKKEEPING,
    desc: DESCRIPTION,
    labels: LABELS,
    type: {
      enum: ['server', 'client'],
      default: 'server',
      description: 'server: presented to clients; client: to upstreams, which takes cert, key and client.ca alone.',
    },
    cert: { ...CERTIFICATE, description: 'Certificate chain, PEM.' },
    key: { ...KEY, description: 'Private key, PEM.' },
    certs: { type: 'array', items: CERTIFICATE, description: 'Further certificates for the same names.' },
    keys: { type: 'array', items: KEY, description: 'Their private keys, in the same order.' },
    sni: { ...SERVER_NAME, description: 'The server name that it serves.' },
    snis: { type: 'array', minItems: 1, items: SERVER_NAME, description: 'The server names that it serves.' },
    client: {
      type: 'object',
      required: ['ca'],
      description:
        'Verification of client certificates; for a certificate of type client, of the nodes that it is presented to.',
      properties: {
        ca: { ...CERTIFICATE, description: 'Certificate authorities, PEM.' },
        depth: { type: 'integer', minimum: 0, default: 1, description: 'Longest chain.' },
        skip_mtls_uri_regex: {
          type: 'array',
          minItems: 1,
          uniqueItems: true,
          items: { type: 'string' },
          description: 'Paths that need no certificate.',
        },
      },
    },
    status: { enum: [0, 1], default: 1, description: '1: enabled; 0: as if it were not there.' },
    ocsp_stapling: {
      type: 'object',
      description:
        'Showing clients what the authority says of the certificate (OCSP stapling), so that they need not ask.',
      properties: {
        enabled: { type: 'boolean', default: false, description: 'Whether that is done.' },
        skip_verify: {
          type: 'boolean',
          default: false,
          description: "Whether the signature of the authority's answer is left unchecked.",
        },
        cache_ttl: {
          type: 'integer',
          minimum: 60,
          maximum: 2_147_483,
          default: 3600,
          description:
            'Seconds until an answer is asked for again, or half of the time that it is good for, if that is less.',
        },
      },
    },
    ssl_protocols: {
      type: 'array',
      maxItems: 3,
      uniqueItems: true,
      items: { enum: ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'] },
      description: 'Versions of TLS that are accepted.',
    },
  },
  allOf: [{ not: { required: ['sni', 'snis'] }, remedy: '"sni" and "snis" exclude each other: keep one' }],
} as const satisfies Schema;

type SslObject = Infer<typeof sslSchema>;

export const sslModel = defineModel({
  kind: 'ssls',
  noun: 'SSL',
  schema: sslSchema,
  check(ssl, report) {
    if (ssl.type === 'server' && ssl.sni === undefined && ssl.snis === undefined) {
      report('snis', 'missing_attribute', 'a certificate of type server needs "snis"');
    }
    if ((ssl.certs?.length ?? 0) !== (ssl.keys?.length ?? 0)) {
      report('keys', 'wrong_length', 'as many "keys" as "certs" are needed');
    }
    checkPair(ssl.cert, ssl.key, '', report);
    for (const [i, cert] of (ssl.certs ?? []).entries()) {
      const key = ssl.keys?.[i];
      if (key !== undefined) checkPair(cert, key, `s[${i}]`, report);
    }
    if (ssl.client !== undefined && parsedCertificate(ssl.client.ca) === null) {
      const whom = ssl.type === 'client' ? 'nodes' : 'clients';
      report('client.ca', 'invalid_value', `is no certificate in PEM: give the authorities that vouch for ${whom}`);
    }
    if (ssl.ocsp_stapling?.enabled === true) checkStapling(ssl, report);
    for (const [i, pattern] of (ssl.client?.skip_mtls_uri_regex ?? []).entries()) {
      const fault = checkRegex(pattern);
      if (fault !== null) report(`client.skip_mtls_uri_regex[${i}]`, 'invalid_value', fault);
    }
  },
});

/** What keeps a certificate from being shown with a staple, whatever its authority does. */
function checkStapling({ type, cert, certs = [] }: SslObject, report: Report): void {
  const refuse = (message: string): void => report('ocsp_stapling.enabled', 'conflict', message, true);
  if (type === 'client')
    return refuse('is for certificates that clients are shown: leave it out with "type": "client"');
  if (certs.length > 0) return refuse('works with one certificate: leave out "certs", or this');
  const [leaf, ...others] = certificatesIn(cert);
  if (leaf === undefined) return;
  if (!others.some((other) => leaf.checkIssued(other) && leaf.verify(other.publicKey))) {
    refuse('needs the certificate of who issued it in "cert", behind the certificate itself');
  }
}

/** A certificate and its key. @param suffix of the attributes' names */
function checkPair(cert: string, key: string, suffix: string, report: Report): void {
  for (const { attribute, message } of pairProblems(cert, key, { cert: `cert${suffix}`, key: `key${suffix}` })) {
    report(attribute, 'invalid_value', message);
  }
}
