/** The KMS servers that tests of encryption run against: our emulator, and moto, which knows nothing of it. */
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { KMSClient } from '@aws-sdk/client-kms';
import { startKmsEmulator } from '../../src/embedded/kms-emulator';
import { createKmsClient } from '../../src/kms/kms-client';
import { choosePort } from '../../src/ports';
import { waitFor } from './wait-for';

export interface KmsServer {
  readonly client: KMSClient;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

export async function startEmulator(): Promise<KmsServer> {
  const emulator = await startKmsEmulator({ host, port: 0, masterKey: randomBytes(32) });
  return withClient(emulator.url, () => emulator.stop());
}

/** Where the set-up has put moto; undefined when it could not be had. */
export const motoPath = process.env['KMS_TEST_SERVER_PATH'];

export async function startMoto(): Promise<KmsServer> {
  if (motoPath === undefined) throw new Error('KMS_TEST_SERVER_PATH is not set; npm test sets it.');
  const { port } = await choosePort({ name: 'KMS server', preferred: 0, host });
  const server = spawn(motoPath, ['-H', host, '-p', String(port)], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  const url = `http://${host}:${port}`;
  const stop = async (): Promise<void> => {
    server.kill();
    await ended;
  };
  const isUp = async (): Promise<boolean> => {
    if (server.exitCode !== null) throw new Error(`moto ended with ${server.exitCode}`);
    return fetch(`${url}/moto-api/`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  try {
    await waitFor(isUp, 'moto to answer');
  } catch (error) {
    await stop();
    throw error;
  }
  return withClient(url, stop);
}

function withClient(endpoint: string, stopServer: () => Promise<void>): KmsServer {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = createKmsClient({ region: 'us-east-1', endpoint, credentials });
  return {
    client,
    async stop() {
      client.destroy();
      await stopServer();
    },
  };
}
