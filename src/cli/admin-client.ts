/** How verbs reach the Admin API: address and key from options, the environment, or a file. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import { FailedError, type Io, UsageError } from './arguments.ts';

export const CONNECTION_OPTIONS = {
  server: { type: 'string', short: 's' },
  'key-file': { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  'cert-key': { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

type ConnectionValues = { readonly [K in keyof typeof CONNECTION_OPTIONS]?: string | undefined };

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

const DEFAULT_SERVER = 'http://127.0.0.1:9180';
const KEY_VARIABLE = 'GATEWRIGHT_ADMIN_KEY';
const TIMEOUT_MS = 60_000;

export class AdminClient {
  private readonly server: URL;
  private readonly key: string;
  private readonly tls: https.RequestOptions;

  /** Throws UsageError, also where a named file cannot be read. */
  constructor(values: ConnectionValues, io: Io) {
    const server = values.server ?? io.env['GATEWRIGHT_ADMIN'] ?? DEFAULT_SERVER;
    if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) {
      throw new UsageError(`--server: ${JSON.stringify(server)} is no URL such as ${DEFAULT_SERVER}`);
    }
    this.server = new URL(server);
    // Never an option: everyone on the machine can see the arguments of a process.
    const { 'key-file': keyFile, ca, cert, 'cert-key': certKey } = values;
    this.key = keyFile === undefined ? (io.env[KEY_VARIABLE] ?? '') : read('--key-file', keyFile, io).trim();
    this.tls = {
      ...(ca === undefined ? {} : { ca: read('--ca', ca, io) }),
      ...(cert === undefined ? {} : { cert: read('--cert', cert, io) }),
      ...(certKey === undefined ? {} : { key: read('--cert-key', certKey, io) }),
    };
  }

  /** Rejects with FailedError if there is no answer. @param where below `/apisix/admin` */
  ask(method: string, where: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const target = new URL(`/apisix/admin${where}`, this.server);
    const options: https.RequestOptions = {
      method,
      agent: false,
      timeout: TIMEOUT_MS,
      ...this.tls,
      headers: {
        ...(this.key === '' ? {} : { 'X-API-KEY': this.key }),
        ...(text === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
        ...headers,
      },
    };
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(
          new FailedError(
            `cannot reach ${this.server.origin}: ${error.message || String((error as NodeJS.ErrnoException).code)}`,
          ),
        );
      const send = target.protocol === 'https:' ? https.request : http.request;
      const request = send(target, options, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', fail);
        response.on('end', () => {
          const { statusCode: status = 0, headers: received } = response;
          resolve({ status, headers: received, text: Buffer.concat(pieces).toString() });
        });
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      request.on('error', fail);
      request.end(text);
    });
  }

  /** The body of a good answer, as JSON. Rejects with FailedError otherwise. */
  async fetch(
    method: string,
    where: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<unknown> {
    const reply = await this.ask(method, where, body, headers);
    if (reply.status >= 300) throw new FailedError(messageOf(reply, this.key === ''));
    return reply.text === '' ? null : parse(reply.text);
  }
}

function read(option: string, file: string, io: Io): string {
  try {
    return readFileSync(path.resolve(io.cwd, file), 'utf8');
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FailedError('the answer is no JSON: does an Admin API listen there?');
  }
}

/** What an answer says went wrong. */
export function messageOf({ status, text }: Reply, hasNoKey = false): string {
  const hint = status === 401 && hasNoKey ? `; name the key with --key-file FILE or ${KEY_VARIABLE}` : '';
  let said = '';
  try {
    const { error_msg, message } = JSON.parse(text) as Record<string, unknown>;
    said = typeof error_msg === 'string' ? error_msg : typeof message === 'string' ? message : '';
  } catch {
    // Whatever answered is no Admin API: its status says enough.
  }
  return `${status}${said === '' ? '' : `: ${said}`}${hint}`;
}
