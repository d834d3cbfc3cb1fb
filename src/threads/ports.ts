/** Ports that several workers share: whether this system can, and whether somebody else has one. */
import net from 'node:net';
import type { Problem } from '../model/problem.ts';
import { type ListenerPlan, portsIn } from './listener-plan.ts';
import { listenProblem } from './start-error.ts';
import { checkUnixPath } from './unix-socket.ts';

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
 * What somebody else listens on. Workers share their ports with whoever else of the same user says so: another gateway that was
 * started by mistake would take half of the traffic without a word.
 * @param own what this process listens on: it cannot be told from others there
 */
export async function checkPlaces(
  plans: readonly ListenerPlan[],
  own: readonly ListenerPlan[] = [],
): Promise<Problem[]> {
  const ownPorts = new Set(portsIn(own).map(([, port]) => port));
  const problems: Problem[] = [];
  for (const { source, place } of plans) {
    try {
      if ('path' in place) await checkUnixPath(place.path);
      else if (place.port !== 0 && !ownPorts.has(place.port)) {
        await listenBriefly({ host: place.address, port: place.port, exclusive: true });
      }
    } catch (error) {
      problems.push({ path: source, code: 'not_available', message: listenProblem(error) });
    }
  }
  return problems;
}

function listenBriefly(options: net.ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(options, () => server.close(() => resolve()));
  });
}
