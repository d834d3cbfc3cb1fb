import { inLab, type Lab, type LabOptions } from '../traps/lab.ts';
import type { RawConnection } from '../traps/raw-connection.ts';
import { manual } from '../traps/scripted-upstream.ts';
import { opening, switching } from './frames.ts';

/** A lab whose route lets WebSocket pass. */
export function inWebSocketLab(options: LabOptions, body: (lab: Lab) => Promise<void>): () => Promise<void> {
  return inLab({ upstreams: [manual], find: (_, route) => ({ ...route, websocket: true }), ...options }, body);
}

export interface Joined {
  readonly client: RawConnection;
  readonly upstream: RawConnection;
}

/** A tunnel through the gateway, and its two ends; nothing was sent yet. */
export async function join(lab: Lab): Promise<Joined> {
  const client = await lab.connect();
  client.write(opening());
  const upstream = await lab.node.connection(lab.node.connections.length);
  await upstream.take('\r\n\r\n');
  upstream.write(switching());
  await client.take('\r\n\r\n');
  return { client, upstream };
}

/** Waits until `count` bytes have come, and takes them all. */
export async function takeBytes(connection: RawConnection, count: number): Promise<Buffer> {
  await connection.until(() => connection.bytes.length >= count, `${count} bytes`);
  const { bytes } = connection;
  connection.clear();
  return bytes;
}
