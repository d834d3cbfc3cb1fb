/** Everything that is checked of one input. */
import { NodeServer } from '../parsers/node-server.ts';
import { checkForwardedRequests, checkForwardedResponse, checkSplits } from './check-connections.ts';
import { checkBlocks, checkFrames } from './check-http2.ts';
import { checkChunks, checkHead } from './check-parsers.ts';
import { checkProxyHeader } from './check-proxy.ts';
import type { Input } from './input.ts';

/** An input that takes longer is a finding: none of them needs a hundredth of it. */
const MOST_MS = 2_000;

export class Checks {
  private readonly server = new NodeServer();

  /** @returns what is wrong, '' if nothing is */
  async problemOf(input: Input): Promise<string> {
    const startedAt = performance.now();
    try {
      const found =
        checkHead(input) ||
        checkChunks(input) ||
        checkSplits(input) ||
        checkProxyHeader(input) ||
        checkFrames(input) ||
        checkBlocks(input);
      const elapsed_ms = performance.now() - startedAt;
      if (found === '' && elapsed_ms > MOST_MS) return `slow: ${Math.round(elapsed_ms)} ms`;
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
