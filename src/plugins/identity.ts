import type { Consumer, Exchange, ExchangeRequest } from '../sdk/index.ts';

/** Tells the upstream who calls. Whatever the client said under these names is overwritten or taken away. */
export function identityHeaders({ request }: Exchange, consumer: Consumer, credentialId: string): void {
  tell(request, 'X-Consumer-Username', consumer.username);
  tell(request, 'X-Credential-Identifier', credentialId);
  tell(request, 'X-Consumer-Custom-Id', consumer.customId);
}

function tell(request: ExchangeRequest, name: string, value: string): void {
  if (value !== '') request.setHeader(name, value);
  else if (request.header(name) !== undefined) request.removeHeader(name);
}
