import type { Consumer, Exchange } from '../sdk/index.ts';

const ASCII = /^[\x20-\x7e]*$/;

/**
 * Tells the upstream who calls; to be called before `authenticate`. What the client said under these names was taken out
 * before the first phase (see `claims` of a plugin), so there is nothing to take away unless somebody was known before.
 */
export function identityHeaders(exchange: Exchange, consumer: Consumer, credentialId: string): void {
  const { request } = exchange;
  if (exchange.consumer !== null) {
    request.removeHeader('X-Credential-Identifier');
    request.removeHeader('X-Consumer-Custom-Id');
  }
  request.setHeader('X-Consumer-Username', consumer.username);
  if (credentialId !== '') request.setHeader('X-Credential-Identifier', credentialId);
  if (consumer.customId !== '') request.setHeader('X-Consumer-Custom-Id', fieldValue(consumer.customId));
}

/** A label as a field can carry it: beyond ASCII as the bytes of UTF-8. */
function fieldValue(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text).toString('latin1');
}
