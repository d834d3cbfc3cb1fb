/** Certificates for tests, made by OpenSSL in a folder that goes with the test file. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isIP } from 'node:net';
import path from 'node:path';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Pair {
  /** Issues a certificate. @param days negative for one that has expired */
  issue(name: string, options?: IssueOptions): Pair;
}

export interface IssueOptions {
  readonly rsa?: boolean;
  readonly days?: number;
  /** The certificate can issue others. */
  readonly isAuthority?: boolean;
  /** Further lines for the extensions, as `openssl x509` takes them. */
  readonly extensions?: readonly string[];
}

export class Certificates {
  private readonly folder = mkdtempSync(path.join(tmpdir(), 'gatewright-certificates-'));
  private count = 0;

  /** A certificate that vouches for itself. */
  selfSigned(name: string): Authority {
    const file = this.key(false);
    this.openssl(['req', '-x509', '-key', file.key, '-out', file.cert, '-days', '10', '-subj', `/CN=${name}`]);
    return this.authority(file);
  }

  /** A file with this text. */
  write(text: string): string {
    const file = path.join(this.folder, `text-${this.count++}`);
    writeFileSync(file, text);
    return file;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private authority(file: Files): Authority {
    return {
      ...this.read(file),
      issue: (name, options = {}) => {
        const issued = this.issue(name, file, options);
        return options.isAuthority === true ? this.authority(issued) : this.read(issued);
      },
    };
  }

  private issue(
    name: string,
    by: Files,
    { rsa = false, days = 10, isAuthority = false, extensions: more = [] }: IssueOptions,
  ): Files {
    const file = this.key(rsa);
    const extensions = path.join(this.folder, `${file.key}.ext`.replaceAll('/', '_'));
    const constraint = isAuthority ? 'basicConstraints=critical,CA:TRUE\n' : '';
    const lines = [`subjectAltName=${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`, ...more, ''];
    writeFileSync(extensions, constraint + lines.join('\n'));
    const request = `${file.cert}.csr`;
    this.openssl(['req', '-new', '-key', file.key, '-out', request, '-subj', `/O=Test/CN=${name}`]);
    const signed = ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial', '-extfile', extensions];
    if (days < 0) this.expired(request, file, by, extensions);
    else this.openssl(['x509', '-req', '-in', request, '-out', file.cert, ...signed, '-days', String(days)]);
    return file;
  }

  /** `openssl x509` of older versions cannot set dates; `openssl ca` can. */
  private expired(request: string, file: Files, by: Files, extensions: string): void {
    const base = path.join(this.folder, `ca-${this.count++}`);
    writeFileSync(`${base}.txt`, '');
    writeFileSync(`${base}.srl`, '01\n');
    writeFileSync(
      `${base}.cnf`,
      `[ca]\ndefault_ca=c\n[c]\ndatabase=${base}.txt\nserial=${base}.srl\nnew_certs_dir=${this.folder}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\norganizationName=optional\n`,
    );
    const dates = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];
    const signed = ['-cert', by.cert, '-keyfile', by.key, '-extfile', extensions];
    this.openssl(['ca', '-batch', '-config', `${base}.cnf`, '-in', request, '-out', file.cert, ...signed, ...dates]);
  }

  private key(rsa: boolean): Files {
    const base = path.join(this.folder, String(this.count++));
    const file = { cert: `${base}.crt`, key: `${base}.key` };
    const kind = rsa
      ? ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']
      : ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    this.openssl(['genpkey', ...kind, '-out', file.key]);
    return file;
  }

  private read({ cert, key }: Files): Pair {
    const text = readFileSync(cert, 'utf8');
    return { cert: text.slice(text.indexOf('-----BEGIN')), key: readFileSync(key, 'utf8') };
  }

  private openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

interface Files {
  readonly cert: string;
  readonly key: string;
}
