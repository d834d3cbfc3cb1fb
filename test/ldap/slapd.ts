/** A real directory for tests: OpenLDAP's slapd on ports of its own, with a few people in it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, type TestContext } from 'node:test';
import { eventually } from '../e2e/waiting.ts';
import { freePort } from '../free-port.ts';
import { requireProgram } from '../require-program.ts';
import type { Pair } from '../tls/certificates.ts';

export const ADMIN = { dn: 'cn=admin,dc=example,dc=org', password: 'adminpassword' };
export const BASE = 'ou=users,dc=example,dc=org';

/** `cn` as it is, and as RFC 4514 writes it. */
const PEOPLE: readonly (readonly [cn: string, escaped: string, uid: string, password: string | null])[] = [
  ['user01', 'user01', 'u01', 'password1'],
  ['user02', 'user02', 'u02', 'password2'],
  ['Jane Doe', 'Jane Doe', 'jdoe', 'janesecret'],
  ['comma,user', 'comma\\,user', 'comma', 'comma:pass'],
  ['star*(user)', 'star*(user)', 'star*(user)', 'starpass'],
  ['Grün', 'Grün', 'grün', 'pässword'],
  ['twin one', 'twin one', 'twin', 'twinpass'],
  ['twin two', 'twin two', 'twin', 'twinpass'],
  ['nopass', 'nopass', 'nopass', null],
];

const entry = (dn: string, lines: readonly string[]): string => `dn: ${dn}\n${lines.join('\n')}\n\n`;

/** LDIF; values beyond ASCII are in base64 (RFC 2849). */
const attribute = (name: string, value: string): string =>
  /^[\x21-\x7e][\x20-\x7e]*$/.test(value) ? `${name}: ${value}` : `${name}:: ${Buffer.from(value).toString('base64')}`;

function content(): string {
  const people = PEOPLE.map(([cn, escaped, uid, password]) => {
    const dn = attribute('dn', `cn=${escaped},${BASE}`);
    const secret = password === null ? [] : [attribute('userPassword', password)];
    return [
      dn,
      'objectClass: inetOrgPerson',
      attribute('cn', cn),
      'sn: x',
      attribute('uid', uid),
      ...secret,
      '',
      '',
    ].join('\n');
  });
  return [
    entry('dc=example,dc=org', ['objectClass: domain', 'dc: example']),
    entry(BASE, ['objectClass: organizationalUnit', 'ou: users']),
    ...people,
  ].join('');
}

export interface SlapdOptions {
  /** For ldaps and StartTLS. */
  readonly pair?: Pair;
  /** Whether nobody in particular may search. Default true. */
  readonly allowsAnonymous?: boolean;
}

/**
 * One directory for all tests of a file, started by the first of them. To be called in a suite; the function gives undefined
 * where slapd is missing and the test has to return at once.
 */
export function sharedSlapd(options: () => SlapdOptions): (t: TestContext) => Promise<Slapd | undefined> {
  let started: Promise<Slapd> | null = null;
  after(async () => (await started)?.end());
  return async (t) => {
    const program = requireProgram(t, 'slapd');
    if (program === undefined) return undefined;
    started ??= Slapd.start(program, options());
    return started;
  };
}

export class Slapd {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'gatewright-slapd-'));
  port = 0;
  securePort = 0;
  private child: ChildProcess | null = null;

  static async start(program: string, options: SlapdOptions = {}): Promise<Slapd> {
    const slapd = new Slapd();
    const { folder } = slapd;
    const config = path.join(folder, 'slapd.conf');
    mkdirSync(path.join(folder, 'db'));
    writeFileSync(config, configuration(folder, options));
    if (options.pair !== undefined) {
      writeFileSync(path.join(folder, 'cert.pem'), options.pair.cert);
      writeFileSync(path.join(folder, 'key.pem'), options.pair.key);
    }
    // slapadd is slapd under another name.
    const added = spawnSync(program, ['-Tadd', '-f', config], { input: content(), encoding: 'utf8' });
    if (added.status !== 0) throw new Error(`slapd -Tadd: ${added.stderr}`);
    slapd.port = await freePort();
    slapd.securePort = await freePort();
    await slapd.run(program, options.pair !== undefined);
    return slapd;
  }

  /** Stops it from running without ending it; resolves when each of its threads stands still. */
  async pause(): Promise<void> {
    const { child } = this;
    child?.kill('SIGSTOP');
    const folder = `/proc/${child?.pid}/task`;
    const isStill = (task: string): boolean => /\) T /.test(readFileSync(path.join(folder, task, 'stat'), 'utf8'));
    await eventually(
      () => readdirSync(folder).every(isStill),
      () => 'slapd does not stand still',
    );
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  async end(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child !== null) {
      const gone = once(child, 'close');
      child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async run(program: string, hasTls: boolean): Promise<void> {
    const secure = hasTls ? ` ldaps://127.0.0.1:${this.securePort}` : '';
    const listen = `ldap://127.0.0.1:${this.port}${secure}`;
    const args = ['-f', path.join(this.folder, 'slapd.conf'), '-h', listen, '-d', '0'];
    this.child = spawn(program, args, { stdio: 'ignore' });
    await eventually(
      () => canConnect(this.port),
      () => `slapd does not listen on ${this.port}`,
    );
  }
}

function configuration(folder: string, { pair, allowsAnonymous = true }: SlapdOptions): string {
  const schemas = ['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`);
  const tls = [`TLSCertificateFile ${folder}/cert.pem`, `TLSCertificateKeyFile ${folder}/key.pem`];
  return [
    ...schemas,
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    ...(pair === undefined ? [] : tls),
    'access to attrs=userPassword by anonymous auth by * none',
    allowsAnonymous ? 'access to * by * read' : 'access to * by users read by * auth',
    'database mdb',
    'maxsize 10485760',
    'suffix dc=example,dc=org',
    `rootdn ${ADMIN.dn}`,
    `rootpw ${ADMIN.password}`,
    `directory ${folder}/db`,
    '',
  ].join('\n');
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const tell = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.on('connect', tell(true));
    socket.on('error', tell(false));
  });
}
