/** What one exchange came to, in plain fields: for whoever embeds a gateway, and for `gatewright dev`. */
import type { AccessRecord } from '../observe/access-record.ts';
import type { ExchangeRecord } from './contract.ts';

export function exchangeRecord(record: AccessRecord): ExchangeRecord {
  const { upstreamAddresses, errorCode, upstreamStatuses } = record;
  const plugin = record.variable('replied_by') ?? '';
  const isAnswered = plugin === '' && errorCode === '' && upstreamStatuses !== '';
  return {
    id: record.id,
    revision: record.revision,
    method: record.method,
    target: record.target,
    host: record.hostHeader,
    remoteAddress: record.remoteAddress,
    status: record.status,
    routeId: record.routeId,
    serviceId: record.serviceId,
    consumer: record.consumerName,
    repliedBy: plugin === '' ? (isAnswered ? 'upstream' : 'gateway') : plugin,
    errorCode,
    nodes: upstreamAddresses === '' ? [] : upstreamAddresses.split(', '),
    duration_ms: record.duration_ms,
    bodyBytesSent: record.bodyBytesSent,
    nearRoutes: errorCode === 'route_not_found' ? (record.variable('near_routes') ?? '') : '',
  };
}
