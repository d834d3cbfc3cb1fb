import type { Consumer, Exchange } from '../sdk/index.ts';

/** Tells the upstream who calls. Whatever the client said under these names is overwritten or taken away. */
export function identityHeaders({ request }: Exchange, consumer: Consumer, credentialId: string): void {
  const set = (name: string, value: string): void => {
    if (value !== '') request.setHeader(name, value);
    else if (request.header(name) !== undefined) request.removeHeader(name);
  };
  set('X-Consumer-Username', consumer.username);
  set('X-Credential-Identifier', credentialId);
  set('X-Consumer-Custom-Id', consumer.customId);
}
