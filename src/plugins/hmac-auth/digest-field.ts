/** `Digest: SHA-256=…` (RFC 3230, RFC 5843). */
import { hash, timingSafeEqual } from 'node:crypto';

export type DigestFault = 'digest_missing' | 'digest_malformed' | 'digest_wrong';

/** Whether the body is the one that the field tells of; several algorithms may stand beside SHA-256. */
export function digestFault(values: readonly string[], body: Uint8Array): DigestFault | null {
  const list = values.flatMap((value) => value.split(',')).map((each) => each.trim());
  const ours = list.filter((each) => /^sha-256=/i.test(each));
  const [first] = ours;
  if (first === undefined) return 'digest_missing';
  const text = first.slice(8);
  const sent = Buffer.from(text, 'base64');
  if (ours.length > 1 || sent.length !== 32 || sent.toString('base64') !== text) return 'digest_malformed';
  return timingSafeEqual(sent, hash('sha256', body, 'buffer')) ? null : 'digest_wrong';
}
