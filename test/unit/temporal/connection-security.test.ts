import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../../src/config';
import { connectionSecurity } from '../../../src/temporal/connection-security';

const pem = '-----BEGIN CERTIFICATE-----\n';

let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'everhook-pem-'));
  file = join(folder, 'some.pem');
  writeFileSync(file, pem);
});

afterAll(() => rmSync(folder, { recursive: true }));

const securityOf = (env: Record<string, string>) =>
  connectionSecurity(
    loadConfig({
      DATABASE_URL: 'unused',
      DATABASE_WORKER_URL: 'unused',
      KMS_KEY_ID: 'unused',
      JWT_SECRET: 'x'.repeat(32),
      ...env,
    }),
  );

describe('the connection to Temporal', () => {
  it('is in clear unless something else is asked for', () => {
    expect(securityOf({})).toEqual({});
  });

  it('is TLS by the certificates of the system when only that is asked for', () => {
    expect(securityOf({ TEMPORAL_TLS: 'true' })).toEqual({ tls: {} });
  });

  it('is TLS as soon as an API key could be read on the way', () => {
    expect(securityOf({ TEMPORAL_API_KEY: 'a key' })).toEqual({ tls: {}, apiKey: 'a key' });
  });

  it('has the certificates, the key and the name it is told', () => {
    const env = {
      TEMPORAL_TLS_CA: file,
      TEMPORAL_TLS_CERT: file,
      TEMPORAL_TLS_KEY: file,
      TEMPORAL_TLS_SERVER_NAME: 'a.name',
    };

    const bytes = Buffer.from(pem);
    expect(securityOf(env)).toEqual({
      tls: {
        serverRootCACertificate: bytes,
        clientCertPair: { crt: bytes, key: bytes },
        serverNameOverride: 'a.name',
      },
    });
    expect(securityOf({ TEMPORAL_TLS_CA: file })).toEqual({ tls: { serverRootCACertificate: bytes } });
    expect(securityOf({ TEMPORAL_TLS_SERVER_NAME: 'a' })).toEqual({ tls: { serverNameOverride: 'a' } });
  });

  it.each(['TEMPORAL_TLS_CA', 'TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'])(
    'is an error that names %s, and not its value, when the file is not there or no PEM',
    (name) => {
      const files = { TEMPORAL_TLS_CA: file, TEMPORAL_TLS_CERT: file, TEMPORAL_TLS_KEY: file };
      const text = join(folder, 'text');
      writeFileSync(text, 'hunter2');

      expect(() => securityOf({ ...files, [name]: '/nowhere/hunter2' })).toThrow(
        `${name} must be the path of a file; it cannot be read: ENOENT.`,
      );
      expect(() => securityOf({ ...files, [name]: text })).toThrow(`${name} must be the path of a PEM file.`);
    },
  );
});
