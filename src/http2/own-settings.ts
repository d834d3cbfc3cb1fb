import type { HeadLimits } from '../http1/fields.ts';
import * as h2 from './protocol.ts';
import type { Http2Limits } from './settings.ts';

/** The payload of the SETTINGS that a server begins with. What it does not name keeps the protocol's default. */
export function ownSettings(limits: Http2Limits & HeadLimits): Buffer {
  const settings = [
    [h2.MAX_CONCURRENT_STREAMS, limits.concurrent_streams],
    [h2.INITIAL_WINDOW_SIZE, limits.stream_window_bytes],
    [h2.MAX_HEADER_LIST_SIZE, limits.head_bytes],
    [h2.ENABLE_CONNECT_PROTOCOL, 1],
    [h2.NO_RFC7540_PRIORITIES, 1],
  ] as const;
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return payload;
}
