/** `everhook kms rotate`: wraps the data keys of all tenants by the KMS key and under the context that are set now. */
import { loadConfig } from '../config';
import { createKeyService, createKmsClient } from '../kms/kms-client';
import { rotateDataKeys } from '../kms/rotate';
import { createDataKeyStore } from '../store/data-keys';
import { createPool } from '../store/pool';

export interface RotateKmsOptions {
  readonly print: (line: string) => void;
  readonly stop: AbortController;
}

/** Nobody waits for a single call, and KMS throttles for a while at times. */
const maxAttempts = 6;

/** @throws StopWish when it was asked to stop; Error when some keys could not be moved, after all others were */
export async function rotateKms({ print, stop }: RotateKmsOptions): Promise<void> {
  const config = loadConfig();
  const { KMS_KEY_ID: keyId, KMS_CONTEXT_VERSION: contextVersion } = config;
  const pool = createPool({
    url: config.DATABASE_WORKER_URL,
    min: 0,
    max: config.DB_POOL_MAX,
    name: 'everhook-kms-rotate',
    // Whoever waits for the query that was cut off gets the error.
    onLost: () => {},
  });
  const client = createKmsClient({ region: config.KMS_REGION, endpoint: config.KMS_ENDPOINT, maxAttempts });
  try {
    print(`Moving data keys to ${keyId}, context version ${contextVersion} ...`);
    const { moved, alreadyThere, failed } = await rotateDataKeys({
      keyService: createKeyService({ client, keyId }),
      store: createDataKeyStore(pool),
      contextVersion,
      signal: stop.signal,
      onProgress: (counts, total) => {
        const seen = counts.moved + counts.alreadyThere + counts.failed;
        print(
          `${seen} of ${total}: ${counts.moved} moved, ${counts.alreadyThere} already there, ${counts.failed} failed`,
        );
      },
      onFailed: ({ id, tenantId, keyArn }, error) =>
        print(`FAILED data key ${id} of tenant ${tenantId}, wrapped by ${keyArn}: ${error.name}: ${error.message}`),
    });
    print(`Done: ${moved} data keys were moved, ${alreadyThere} were there already, ${failed} failed.`);
    if (failed > 0) throw new Error(`${failed} of the data keys could not be moved; they are named above.`);
  } finally {
    client.destroy();
    await pool.end();
  }
}
