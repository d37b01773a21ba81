/** Certificates for one test: an authority of its own, and what it issues. Made by openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Issued {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Authority {
  /** Its own certificate. */
  readonly caFile: string;
  readonly ca: Buffer;
  /** @param altName such as `IP:127.0.0.1` or `DNS:temporal.test` */
  issue(name: string, altName: string): Issued;
}

const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** @param folder where the files go; whoever made it removes it */
export function createAuthority(folder: string, name: string): Authority {
  const file = (extension: string, of = name): string => join(folder, `${of}.${extension}`);
  openssl('req', '-x509', ...ecKey, '-days', '2', '-subj', `/CN=${name}`, '-keyout', file('key'), '-out', file('pem'));
  return {
    caFile: file('pem'),
    ca: readFileSync(file('pem')),
    issue(leaf, altName) {
      const [certFile, keyFile] = [file('pem', leaf), file('key', leaf)];
      writeFileSync(file('ext', leaf), `subjectAltName=${altName}\n`);
      openssl('req', '-new', ...ecKey, '-subj', `/CN=${leaf}`, '-keyout', keyFile, '-out', file('csr', leaf));
      const request = ['-req', '-in', file('csr', leaf), '-days', '2', '-extfile', file('ext', leaf)];
      openssl('x509', ...request, '-CA', file('pem'), '-CAkey', file('key'), '-CAcreateserial', '-out', certFile);
      return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
    },
  };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
