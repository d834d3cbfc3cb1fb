/** Some servers that are the nodes of one upstream, each with its own way to answer. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface NodeServer {
  readonly authority: string;
  /** Requests that came, in their order. */
  readonly seen: string[];
  answer: (request: http.IncomingMessage, response: http.ServerResponse) => void;
  close(): Promise<void>;
}

/** A server that answers 200 with its own authority, until a test says otherwise. It is closed after the test. */
export async function nodeServer(t: TestContext, answer?: NodeServer['answer']): Promise<NodeServer> {
  const seen: string[] = [];
  const server = http.createServer((request, response) => {
    seen.push(request.url ?? '');
    node.answer(request, response);
  });
  // Longer than any test waits between two requests: one that crosses the end of an idle connection is lost, unless it is idempotent.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const node: NodeServer = { authority, seen, answer: answer ?? ((_, response) => response.end(authority)), close };
  t.after(close);
  return node;
}

export const answering =
  (status: number): NodeServer['answer'] =>
  (_, response) => {
    response.statusCode = status;
    response.end();
  };

/** For a YAML text: the nodes with a weight of 1 each. */
export const nodesOf = (nodes: readonly NodeServer[]): Record<string, number> =>
  Object.fromEntries(nodes.map(({ authority }) => [authority, 1]));
