/** Webhook secrets and custom headers, encrypted by data keys that the KMS wraps. */
import type { Pool } from 'pg';
import type { Config } from '../config';
import { createDataKeys } from '../kms/data-keys';
import { createKeyService, createKmsClient } from '../kms/kms-client';
import { observed } from '../kms/observed';
import { createSecretBox, type SecretBox } from '../kms/secret-box';
import { createDataKeyStore } from '../store/data-keys';
import { kmsCalled, type Telemetry } from '../telemetry/events';

export interface KmsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Secrets {
  readonly box: SecretBox;
  /** @throws whatever tells that the KMS does not answer */
  check(): Promise<void>;
  close(): void;
}

/** @param credentials those of the environment unless given */
export function createSecrets(
  config: Config,
  telemetry: Telemetry,
  workerPool: Pool,
  credentials: KmsCredentials | undefined,
): Secrets {
  const client = createKmsClient({ region: config.KMS_REGION, endpoint: config.KMS_ENDPOINT, credentials });
  const keyService = observed(createKeyService({ client, keyId: config.KMS_KEY_ID }), (call) =>
    kmsCalled(telemetry, call),
  );
  const dataKeys = createDataKeys({
    keyService,
    store: createDataKeyStore(workerPool),
    contextVersion: config.KMS_CONTEXT_VERSION,
  });
  return {
    box: createSecretBox({ dataKeys }),
    check: async () => void (await keyService.check()),
    close: () => client.destroy(),
  };
}
