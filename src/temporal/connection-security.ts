/**
 * How this process shows Temporal who it is and makes sure whom it talks to: TLS, client certificate, API key.
 * The files are read once, at the start of the process; a certificate that was renewed needs a restart.
 */
import { readFileSync } from 'node:fs';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { ConfigError, type Config } from '../config';

export type ConnectionSecurity = Pick<NativeConnectionOptions, 'tls' | 'apiKey'>;

type FileSetting = 'TEMPORAL_TLS_CA' | 'TEMPORAL_TLS_CERT' | 'TEMPORAL_TLS_KEY';

/** @throws ConfigError when a file cannot be read or is none of the kind */
export function connectionSecurity(config: Config): ConnectionSecurity {
  const ca = readPem(config, 'TEMPORAL_TLS_CA');
  const crt = readPem(config, 'TEMPORAL_TLS_CERT');
  const key = readPem(config, 'TEMPORAL_TLS_KEY');
  const { TEMPORAL_TLS_SERVER_NAME: serverName, TEMPORAL_API_KEY: apiKey } = config;
  // An API key must not travel in clear.
  const wantsTls = config.TEMPORAL_TLS || [ca, crt, serverName, apiKey].some((each) => each !== undefined);
  if (!wantsTls) return {};
  return {
    tls: {
      ...(ca && { serverRootCACertificate: ca }),
      ...(crt && key && { clientCertPair: { crt, key } }),
      ...(serverName !== undefined && { serverNameOverride: serverName }),
    },
    ...(apiKey !== undefined && { apiKey }),
  };
}

/** The setting's value is not told: somebody may have put the key itself in the place of its path. */
function readPem(config: Config, name: FileSetting): Buffer | undefined {
  const path = config[name];
  if (path === undefined) return undefined;
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    throw new ConfigError(
      `${name} must be the path of a file; it cannot be read: ${String((error as NodeJS.ErrnoException).code)}.`,
    );
  }
  if (!content.includes('-----BEGIN ')) throw new ConfigError(`${name} must be the path of a PEM file.`);
  return content;
}
