/** An upstream that does what a script says, byte by byte. */
import net from 'node:net';
import { freePort } from '../free-port.ts';
import type { Message } from './message.ts';
import { ConnectionOver, RawConnection } from './raw-connection.ts';

/** Runs once for each connection; `index` counts them from 0. It may end while the connection goes on. */
export type Script = (connection: RawConnection, index: number) => Promise<void> | void;

export class ScriptedUpstream {
  readonly connections: RawConnection[] = [];
  /** What a script threw, other than that its connection ended. */
  readonly faults: unknown[] = [];
  private readonly server: net.Server;
  private readonly script: Script;
  private readonly onConnection = new Set<() => void>();

  private constructor(script: Script) {
    this.script = script;
    this.server = net.createServer({ allowHalfOpen: true }, (socket) => this.accept(socket));
  }

  static async start(script: Script, port = 0): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(script);
    await new Promise<void>((resolve, reject) => {
      upstream.server.once('error', reject);
      upstream.server.listen(port, '127.0.0.1', resolve);
    });
    return upstream;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  /** The connection of that index, as soon as there is one. */
  async connection(index: number): Promise<RawConnection> {
    for (;;) {
      const connection = this.connections[index];
      if (connection !== undefined) return connection;
      await new Promise<void>((resolve) => this.onConnection.add(resolve));
    }
  }

  close(): void {
    this.server.close();
    for (const connection of this.connections) connection.destroy();
  }

  private accept(socket: net.Socket): void {
    const connection = new RawConnection(socket);
    this.connections.push(connection);
    for (const resolve of this.onConnection) resolve();
    this.onConnection.clear();
    void this.run(connection, this.connections.length - 1);
  }

  private async run(connection: RawConnection, index: number): Promise<void> {
    try {
      await this.script(connection, index);
    } catch (error) {
      if (!(error instanceof ConnectionOver)) this.faults.push(error);
    }
  }
}

/** A script that leaves the connection to the test. */
export const manual: Script = () => {};

/** A script that answers each request of each connection with the same bytes, or with what is made of the request. */
export function answering(answer: string | Buffer | ((request: Message) => string)): Script {
  return async (connection) => {
    for (;;) {
      const request = await connection.receive('request', true);
      connection.write(typeof answer === 'function' ? answer(request) : answer);
    }
  };
}

/** A complete response. */
export function ok(body: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${fields}\r\n${body}`;
}

/** A port on which nobody listens. */
export const closedPort = freePort;
