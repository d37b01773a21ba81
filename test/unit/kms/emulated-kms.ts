/** The real SDK on an emulator of a test file's own. */
import { randomBytes } from 'node:crypto';
import type { KMSClient } from '@aws-sdk/client-kms';
import { startKmsEmulator, type KmsEmulator } from '../../../src/embedded/kms-emulator';
import { createKmsClient } from '../../../src/kms/kms-client';

export interface EmulatedKms {
  readonly emulator: KmsEmulator;
  readonly client: KMSClient;
  stop(): Promise<void>;
}

export async function startEmulatedKms(): Promise<EmulatedKms> {
  const emulator = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey: randomBytes(32) });
  const client = createKmsClient({
    region: 'us-east-1',
    endpoint: emulator.url,
    credentials: { accessKeyId: 'emulator', secretAccessKey: 'emulator' },
  });
  return {
    emulator,
    client,
    async stop() {
      client.destroy();
      await emulator.stop();
    },
  };
}
