/** Ports that several workers share: whether this system can, and whether somebody else has one. */
import net from 'node:net';
import { listenProblem, StartError } from './start-error.ts';

interface Address {
  readonly address: string;
  readonly port: number;
}

/** Whether several sockets can listen on one port here: Linux, and some others. */
export async function canSharePorts(): Promise<boolean> {
  try {
    await listenBriefly({ host: '127.0.0.1', port: 0, reusePort: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * Throws StartError if somebody listens on one of the addresses. Workers share their ports with whoever else of the same
 * user says so: another gateway that was started by mistake would take half of the traffic without a word.
 */
export async function checkPorts(addresses: readonly Address[]): Promise<void> {
  for (const { address, port } of addresses) {
    if (port === 0) continue;
    try {
      await listenBriefly({ host: address, port, exclusive: true });
    } catch (error) {
      throw new StartError(listenProblem(error), { cause: error });
    }
  }
}

function listenBriefly(options: net.ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(options, () => server.close(() => resolve()));
  });
}
