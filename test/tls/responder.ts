/** A responder of OCSP (RFC 6960): OpenSSL's answers, by HTTP on a port of its own. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Pair } from './certificates.ts';

export type CertificateState = 'good' | 'revoked' | 'unknown';

export class Responder {
  readonly server: http.Server;
  /** What is asked and answered. */
  requests: Buffer[] = [];
  /** In place of an answer. */
  failure: { readonly status: number; readonly body: string } | null = null;
  private readonly folder = mkdtempSync(path.join(tmpdir(), 'gatewright-ocsp-'));
  private readonly states = new Map<string, CertificateState>();
  private readonly authority: Pair;
  signer: Pair;

  static async start(t: TestContext, authority: Pair): Promise<Responder> {
    const responder = new Responder(authority);
    await once(responder.server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => {
      responder.server.closeAllConnections();
      responder.server.close();
      rmSync(responder.folder, { recursive: true, force: true });
    });
    return responder;
  }

  private constructor(authority: Pair) {
    this.authority = authority;
    this.signer = authority;
    this.server = http.createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const asked = Buffer.concat(pieces);
        this.requests.push(asked);
        const { failure } = this;
        if (failure !== null) response.writeHead(failure.status).end(failure.body);
        else response.writeHead(200, { 'Content-Type': 'application/ocsp-response' }).end(this.answer(asked));
      });
    });
  }

  /** A line of the extensions of a certificate that names this responder. */
  get extension(): string {
    return `authorityInfoAccess=OCSP;URI:http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  set({ cert }: Pair, state: CertificateState): void {
    this.states.set(new X509Certificate(cert).serialNumber, state);
  }

  /** What OpenSSL answers to a request. */
  answer(request: Buffer): Buffer {
    const file = (name: string, content: string | Buffer): string => {
      const at = path.join(this.folder, name);
      writeFileSync(at, content);
      return at;
    };
    const lines = Array.from(this.states).flatMap(([serial, state]) => {
      if (state === 'unknown') return [];
      const revoked = state === 'revoked' ? '250101000000Z' : '';
      return [`${state === 'revoked' ? 'R' : 'V'}\t491231235959Z\t${revoked}\t${serial}\tunknown\t/CN=${serial}\n`];
    });
    const out = path.join(this.folder, 'out');
    const args = ['ocsp', '-index', file('index', lines.join('')), '-CA', file('ca', this.authority.cert)];
    args.push('-rsigner', file('signer', this.signer.cert), '-rkey', file('key', this.signer.key));
    execFileSync('openssl', [...args, '-reqin', file('in', request), '-respout', out, '-ndays', '1'], {
      stdio: 'pipe',
    });
    return readFileSync(out);
  }
}
