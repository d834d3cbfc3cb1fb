/** What a responder is asked about one certificate, and what it says (RFC 6960), as far as a staple needs it. */
import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import * as der from './der.ts';

/** A certificate beside the one of who issued it. */
export interface Issued {
  readonly certificate: X509Certificate;
  readonly issuer: X509Certificate;
}

export interface OcspAnswer {
  readonly status: 'good' | 'revoked' | 'unknown';
  /** When there will be news; null: at any time. */
  readonly nextUpdate_ms: number | null;
}

export class OcspError extends Error {}

const SHA1 = der.writeDer(der.SEQUENCE, Buffer.from('06052b0e03021a', 'hex'), der.writeDer(der.NULL));
const BASIC = '1.3.6.1.5.5.7.48.1.1';
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
/** Responders' clocks differ from ours. */
const SKEW_MS = 300_000;
/** Certificates of responders that are tried. */
const MOST_RESPONDERS = 8;

const HASHES: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};

/** The first certificate of a chain, and the one in it that issued it. @returns why there is none */
export function issuedOf(chain: string): Issued | string {
  const blocks = chain.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const [certificate, ...others] = blocks.map((block) => new X509Certificate(block));
  if (certificate === undefined) return 'there is no certificate';
  const issuer = others.find((other) => certificate.checkIssued(other) && certificate.verify(other.publicKey));
  return issuer === undefined ? 'the certificate of who issued it does not follow it' : { certificate, issuer };
}

/** Where to ask; null if the certificate names nobody. */
export function responderOf({ infoAccess }: X509Certificate): string | null {
  for (const line of (infoAccess ?? '').split('\n')) {
    const [, url] = /^OCSP - URI:(http:\/\/[\x21-\x7e]+)$/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  return null;
}

interface Parts {
  readonly serial: Buffer;
  readonly issuerName: Buffer;
  readonly publicKey: Buffer;
}

/** RFC 5280 §4.1. */
function partsOf(certificate: X509Certificate): Parts {
  const whole = new der.DerReader(der.readDer(certificate.raw, der.SEQUENCE).content);
  const reader = new der.DerReader(whole.next(der.SEQUENCE).content);
  reader.optional(der.inContext(0));
  const serial = reader.next(der.INTEGER).whole;
  reader.next(der.SEQUENCE);
  const issuerName = reader.next(der.SEQUENCE).whole;
  reader.next(der.SEQUENCE);
  reader.next(der.SEQUENCE);
  const key = new der.DerReader(reader.next(der.SEQUENCE).content);
  key.next(der.SEQUENCE);
  // Without the count of unused bits.
  return { serial, issuerName, publicKey: key.next(der.BIT_STRING).content.subarray(1) };
}

/** Which certificate is meant (RFC 6960 §4.1.1). */
function certificateId({ certificate, issuer }: Issued): Buffer {
  const { serial, issuerName } = partsOf(certificate);
  const sha1 = (bytes: Buffer): Buffer => der.writeDer(der.OCTET_STRING, createHash('sha1').update(bytes).digest());
  return der.writeDer(der.SEQUENCE, SHA1, sha1(issuerName), sha1(partsOf(issuer).publicKey), serial);
}

/** What to ask. Without a nonce: answers that are made beforehand are what responders have. */
export function ocspRequest(issued: Issued): Buffer {
  const { SEQUENCE, writeDer } = der;
  return writeDer(SEQUENCE, writeDer(SEQUENCE, writeDer(SEQUENCE, writeDer(SEQUENCE, certificateId(issued)))));
}

export interface ReadOptions {
  readonly now_ms: number;
  /** Whether the signature has to be right. */
  readonly verifies: boolean;
}

/** Throws OcspError with the reason where nothing is to be made of the answer. */
export function readOcspAnswer(bytes: Buffer, issued: Issued, options: ReadOptions): OcspAnswer {
  try {
    return read(bytes, issued, options);
  } catch (error) {
    throw error instanceof der.DerError ? new OcspError(`the answer is malformed: ${error.message}`) : error;
  }
}

const REFUSALS: Readonly<Record<number, string>> = {
  1: 'malformed request',
  2: 'internal error',
  3: 'try later',
  5: 'signature required',
  6: 'unauthorized',
};

function read(bytes: Buffer, issued: Issued, { now_ms, verifies }: ReadOptions): OcspAnswer {
  const outer = new der.DerReader(der.readDer(bytes, der.SEQUENCE).content);
  const refusal = outer.next(der.ENUMERATED).content[0] ?? 2;
  if (refusal !== 0) throw new OcspError(`the responder refuses: ${REFUSALS[refusal] ?? `status ${refusal}`}`);
  const answer = new der.DerReader(der.readDer(outer.next(der.inContext(0)).content, der.SEQUENCE).content);
  if (der.oidText(answer.next(der.OID)) !== BASIC) throw new OcspError('the answer is of a type that is not known');
  const basic = new der.DerReader(der.readDer(answer.next(der.OCTET_STRING).content, der.SEQUENCE).content);
  const data = basic.next(der.SEQUENCE);
  const algorithm = der.oidText(new der.DerReader(basic.next(der.SEQUENCE).content).next(der.OID));
  const signature = basic.next(der.BIT_STRING).content.subarray(1);
  const responders = basic.optional(der.inContext(0));
  if (verifies)
    verifySignature({ data: data.whole, algorithm, signature }, respondersOf(responders), { issued, now_ms });
  return findAnswer(data, certificateId(issued), now_ms);
}

/** RFC 6960 §4.2.1. */
function findAnswer(data: der.Der, wanted: Buffer, now_ms: number): OcspAnswer {
  const reader = new der.DerReader(data.content);
  reader.optional(der.inContext(0));
  // Who answers, by name or by key, and when: the signature tells more.
  reader.any();
  reader.next(der.GENERALIZED_TIME);
  const answers = new der.DerReader(reader.next(der.SEQUENCE).content);
  while (!answers.isAtEnd) {
    const one = new der.DerReader(answers.next(der.SEQUENCE).content);
    if (!isSameId(one.next(der.SEQUENCE), wanted)) continue;
    const status = one.any().tag & 0x1f;
    const thisUpdate_ms = der.timeOf(one.any());
    const next = one.optional(der.inContext(0));
    const nextUpdate_ms = next === undefined ? null : der.timeOf(der.readDer(next.content, der.GENERALIZED_TIME));
    if (thisUpdate_ms > now_ms + SKEW_MS) throw new OcspError('the answer is of a time to come');
    if (nextUpdate_ms !== null && nextUpdate_ms <= now_ms) throw new OcspError('the answer is out of date');
    return { status: status === 0 ? 'good' : status === 1 ? 'revoked' : 'unknown', nextUpdate_ms };
  }
  throw new OcspError('the answer is about another certificate');
}

/** Some leave out the parameters of the algorithm. */
function isSameId(one: der.Der, wanted: Buffer): boolean {
  const rest = (id: Buffer): Buffer => {
    const reader = new der.DerReader(id);
    const algorithm = new der.DerReader(reader.next(der.SEQUENCE).content).next(der.OID).whole;
    return Buffer.concat([
      algorithm,
      reader.next(der.OCTET_STRING).whole,
      reader.next(der.OCTET_STRING).whole,
      reader.next(der.INTEGER).whole,
    ]);
  };
  return rest(one.content).equals(rest(der.readDer(wanted, der.SEQUENCE).content));
}

function respondersOf(list: der.Der | undefined): X509Certificate[] {
  if (list === undefined) return [];
  const reader = new der.DerReader(der.readDer(list.content, der.SEQUENCE).content);
  const found: X509Certificate[] = [];
  while (!reader.isAtEnd && found.length < MOST_RESPONDERS) found.push(certificateOf(reader.next(der.SEQUENCE).whole));
  return found;
}

function certificateOf(raw: Buffer): X509Certificate {
  try {
    return new X509Certificate(raw);
  } catch {
    throw new OcspError("the responder's certificate is malformed");
  }
}

interface Signed {
  readonly data: Buffer;
  readonly algorithm: string;
  readonly signature: Buffer;
}

/** By who issued the certificate, or by whom that one has named for it (RFC 6960 §4.2.2.2). */
function verifySignature(
  signed: Signed,
  responders: readonly X509Certificate[],
  { issued, now_ms }: { issued: Issued; now_ms: number },
): void {
  const { issuer } = issued;
  const isNamed = (one: X509Certificate): boolean =>
    one.keyUsage?.includes(OCSP_SIGNING) === true &&
    Date.parse(one.validFrom) <= now_ms + SKEW_MS &&
    Date.parse(one.validTo) > now_ms &&
    one.checkIssued(issuer) &&
    one.verify(issuer.publicKey);
  if ([issuer, ...responders.filter(isNamed)].some((one) => isSignedBy(signed, one))) return;
  throw new OcspError('the answer is not signed by who may');
}

function isSignedBy({ data, algorithm, signature }: Signed, { publicKey }: X509Certificate): boolean {
  const name = HASHES[algorithm];
  if (name === undefined) throw new OcspError(`the answer is signed in a way that is not accepted: ${algorithm}`);
  try {
    return verify(name, data, createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), signature);
  } catch {
    // A key of another kind.
    return false;
  }
}
