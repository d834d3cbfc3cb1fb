/** Certificates for tests, made by openssl: an authority, a server and a client. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { requireProgram } from '../require-program.ts';

export interface Identity {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly folder: string;
  /** PEM of the authority. */
  readonly ca: string;
  /** For localhost and 127.0.0.1. */
  readonly server: Identity;
  readonly client: Identity;
}

/** Null if openssl is missing, in which case the test was skipped. */
export function makeCertificates(t: TestContext): Certificates | null {
  const openssl = requireProgram(t, 'openssl');
  if (openssl === undefined) return null;
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-certificates-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = (...args: string[]): void => {
    execFileSync(openssl, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run('req', '-x509', ...ec, '-days', '2', '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  writeFileSync(path.join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  for (const name of ['server', 'client']) {
    run('req', ...ec, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
    run('x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.pem`);
  }
  const read = (file: string): string => readFileSync(path.join(folder, file), 'utf8');
  const identity = (name: string): Identity => ({ cert: read(`${name}.pem`), key: read(`${name}.key`) });
  return { folder, ca: read('ca.pem'), server: identity('server'), client: identity('client') };
}
