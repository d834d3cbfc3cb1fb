/** Everything that is checked of one input. */
import { NodeServer } from '../parsers/node-server.ts';
import { checkForwardedRequests, checkForwardedResponse, checkSplits } from './check-connections.ts';
import { checkBlocks, checkFrames } from './check-http2.ts';
import { checkChunks, checkHead } from './check-parsers.ts';
import { checkProxyHeader } from './check-proxy.ts';
import type { Input } from './input.ts';

/** An input that takes more of the processor is a finding: none of them needs a hundredth of it. */
const MOST_MS = 2_000;

export class Checks {
  private readonly server = new NodeServer();

  /** @returns what is wrong, '' if nothing is */
  async problemOf(input: Input): Promise<string> {
    const before = process.threadCpuUsage();
    try {
      const found =
        checkHead(input) ||
        checkChunks(input) ||
        checkSplits(input) ||
        checkProxyHeader(input) ||
        checkFrames(input) ||
        checkBlocks(input);
      const { user, system } = process.threadCpuUsage(before);
      const spent_ms = (user + system) / 1000;
      if (found === '' && spent_ms > MOST_MS) return `slow: ${Math.round(spent_ms)} ms`;
      if (found !== '') return found;
      return input.kind === 'request'
        ? await checkForwardedRequests(input, this.server)
        : await checkForwardedResponse(input);
    } catch (error) {
      return `threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    }
  }
}

/** What kind of problem it is: while a finding is minimised, it must not turn into another one. */
export function kindOf(problem: string): string {
  return problem.split(':', 1)[0] ?? '';
}
