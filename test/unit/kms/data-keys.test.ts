/** The data-key cache: how often it asks KMS, how long it keeps a key, and what a KMS outage means. */
import { randomBytes } from 'node:crypto';
import { CreateKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import { startKmsEmulator, type KmsEmulator } from '../../../src/embedded/kms-emulator';
import { createDataKeys, KmsUnavailable } from '../../../src/kms/data-keys';
import { DecryptionFailed } from '../../../src/kms/envelope';
import { createKeyService, createKmsClient, type KeyService } from '../../../src/kms/kms-client';
import { createMemoryDataKeyStore } from './memory-data-key-store';

const ttlMs = 300_000;
const credentials = { accessKeyId: 'emulator', secretAccessKey: 'emulator' };

let emulator: KmsEmulator;
let client: KMSClient;

beforeAll(async () => {
  emulator = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey: randomBytes(32) });
  client = createKmsClient({ region: 'us-east-1', endpoint: emulator.url, credentials });
});

afterAll(async () => {
  client.destroy();
  await emulator.stop();
});

/** The real service with its calls counted and their buffers kept, and a switch that cuts it off. */
function watchedKeyService() {
  const service = createKeyService({ client, keyId: emulator.keyArn });
  const watched = { generated: 0, decrypted: 0, isDown: false, plaintexts: [] as Buffer[] };
  const failWhenDown = () => {
    if (watched.isDown) throw Object.assign(new Error('connect 127.0.0.1'), { code: 'ECONNREFUSED' });
  };
  const keyService: Pick<KeyService, 'generateDataKey' | 'decryptDataKey'> = {
    async generateDataKey(context) {
      watched.generated++;
      failWhenDown();
      const made = await service.generateDataKey(context);
      watched.plaintexts.push(made.plaintext);
      return made;
    },
    async decryptDataKey(wrapped, context, keyArn) {
      watched.decrypted++;
      failWhenDown();
      const plaintext = await service.decryptDataKey(wrapped, context, keyArn);
      watched.plaintexts.push(plaintext);
      return plaintext;
    },
  };
  return { watched, keyService };
}

/** One store and KMS; each `start` is a process with a cold cache. */
function arrange({ max }: { max?: number } = {}) {
  const { watched, keyService } = watchedKeyService();
  const store = createMemoryDataKeyStore();
  const time = { nowMs: 1_000_000 };
  const start = () => createDataKeys({ keyService, store, clock: () => time.nowMs, ttlMs, ...(max && { max }) });
  return { watched, keyService, store, time, start };
}

describe('the first use of a tenant', () => {
  it('makes one key that another process then opens with', async () => {
    const { watched, store, start } = arrange();

    const { id, key } = await start().keyForSealing('acme');
    const opened = await start().keyForOpening('acme', id);

    expect(opened.equals(key)).toBe(true);
    expect(store.rows).toMatchObject([{ id, tenantId: 'acme', keyArn: emulator.keyArn }]);
    expect(watched).toMatchObject({ generated: 1, decrypted: 1 });
  });

  it('makes one key for 50 callers at once', async () => {
    const { watched, store, start } = arrange();
    const dataKeys = start();

    const keys = await Promise.all(Array.from({ length: 50 }, () => dataKeys.keyForSealing('acme')));

    expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
    expect(store.rows).toHaveLength(1);
    expect(watched.generated).toBe(1);
  });

  it('ends with one current key when two processes race', async () => {
    const { watched, store, start } = arrange();

    const [first, second] = await Promise.all([start().keyForSealing('acme'), start().keyForSealing('acme')]);

    expect(watched.generated).toBe(2);
    expect(store.rows).toHaveLength(1);
    expect(second.id).toBe(first.id);
    expect(second.key.equals(first.key)).toBe(true);
  });

  it('gives each tenant its own key', async () => {
    const { start } = arrange();
    const dataKeys = start();

    const acme = await dataKeys.keyForSealing('acme');
    const globex = await dataKeys.keyForSealing('globex');

    expect(acme.key.equals(globex.key)).toBe(false);
  });

  it('leaves no clear key in the buffers KMS answered with', async () => {
    const { watched, start } = arrange();

    const { id } = await start().keyForSealing('acme');
    await start().keyForOpening('acme', id);

    expect(watched.plaintexts).toHaveLength(2);
    for (const plaintext of watched.plaintexts) expect(plaintext.equals(Buffer.alloc(32))).toBe(true);
  });
});

describe('the cache', () => {
  it('asks KMS once for 50 parallel opens', async () => {
    const { watched, start } = arrange();
    const { id } = await start().keyForSealing('acme');
    const cold = start();

    await Promise.all(Array.from({ length: 50 }, () => cold.keyForOpening('acme', id)));

    expect(watched.decrypted).toBe(1);
  });

  it('keeps a key for its time to live and not a millisecond longer', async () => {
    const { watched, time, start } = arrange();
    const dataKeys = start();
    const { id } = await dataKeys.keyForSealing('acme');

    time.nowMs += ttlMs;
    await dataKeys.keyForOpening('acme', id);
    const callsWithinTtl = watched.decrypted;
    time.nowMs += 1;
    await dataKeys.keyForOpening('acme', id);

    expect(callsWithinTtl).toBe(0);
    expect(watched.decrypted).toBe(1);
  });

  it('does not prolong a key by using it', async () => {
    const { watched, time, start } = arrange();
    const dataKeys = start();
    const { id } = await dataKeys.keyForSealing('acme');

    for (const stepMs of [100_000, 100_000, 100_000, 1]) {
      time.nowMs += stepMs;
      await dataKeys.keyForOpening('acme', id);
    }

    expect(watched.decrypted).toBe(1);
  });

  it('lets go of a key after five minutes, also when nobody asks for it again', async () => {
    const store = createMemoryDataKeyStore();
    const keyService = {
      generateDataKey: async () => ({ plaintext: randomBytes(32), wrapped: randomBytes(32), keyArn: 'arn' }),
      decryptDataKey: async () => randomBytes(32),
    };
    jest.useFakeTimers();
    // The cache takes 0 for no time at all.
    jest.advanceTimersByTime(1);
    try {
      await createDataKeys({ keyService, store }).keyForSealing('acme');
      const whileFresh = jest.getTimerCount();
      jest.advanceTimersByTime(300_001);

      expect([whileFresh, jest.getTimerCount()]).toEqual([1, 0]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('counts the age of a new key from before a slow answer', async () => {
    const { watched, keyService, store, time } = arrange();
    const slow = createDataKeys({
      keyService: {
        ...keyService,
        generateDataKey: (context) => {
          time.nowMs += 5_000;
          return keyService.generateDataKey(context);
        },
      },
      store,
      clock: () => time.nowMs,
      ttlMs,
    });

    const { id } = await slow.keyForSealing('acme');
    time.nowMs += ttlMs - 4_999;
    await slow.keyForOpening('acme', id);

    expect(watched.decrypted).toBe(1);
  });

  it('counts the age of a key from before a slow answer', async () => {
    const { watched, keyService, store, time, start } = arrange();
    const { id } = await start().keyForSealing('acme');
    const slow = createDataKeys({
      keyService: {
        ...keyService,
        decryptDataKey: (...call) => {
          time.nowMs += 5_000;
          return keyService.decryptDataKey(...call);
        },
      },
      store,
      clock: () => time.nowMs,
      ttlMs,
    });

    await slow.keyForOpening('acme', id);
    time.nowMs += ttlMs - 4_999;
    await slow.keyForOpening('acme', id);

    expect(watched.decrypted).toBe(2);
  });

  it('holds no more than its bound and drops the least recently used', async () => {
    const { watched, start } = arrange({ max: 2 });
    const dataKeys = start();
    const acme = await dataKeys.keyForSealing('acme');
    const globex = await dataKeys.keyForSealing('globex');

    await dataKeys.keyForOpening('acme', acme.id);
    await dataKeys.keyForSealing('initech');
    await dataKeys.keyForOpening('acme', acme.id);
    const callsForKept = watched.decrypted;
    await dataKeys.keyForOpening('globex', globex.id);

    expect(callsForKept).toBe(0);
    expect(watched.decrypted).toBe(1);
  });

  it('leaves a key usable for who holds it after it was dropped', async () => {
    const { start } = arrange({ max: 1 });
    const dataKeys = start();
    const { key } = await dataKeys.keyForSealing('acme');

    await dataKeys.keyForSealing('globex');

    expect(key.export().equals(Buffer.alloc(32))).toBe(false);
  });
});

describe('a KMS outage', () => {
  it('is not noticed while the key is cached', async () => {
    const { watched, start } = arrange();
    const dataKeys = start();
    const { id, key } = await dataKeys.keyForSealing('acme');

    watched.isDown = true;
    const sealing = await dataKeys.keyForSealing('acme');
    const opening = await dataKeys.keyForOpening('acme', id);

    expect(sealing).toEqual({ id, key });
    expect(opening.equals(key)).toBe(true);
  });

  it('rejects all waiters of a cold cache with one call, and the next call succeeds', async () => {
    const { watched, start } = arrange();
    const { id, key } = await start().keyForSealing('acme');
    const cold = start();

    watched.isDown = true;
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => cold.keyForOpening('acme', id)));
    const callsWhileDown = watched.decrypted;
    watched.isDown = false;
    const opened = await cold.keyForOpening('acme', id);

    expect(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason instanceof KmsUnavailable)).toBe(
      true,
    );
    expect(callsWhileDown).toBe(1);
    expect(opened.equals(key)).toBe(true);
  });

  it('never serves a key beyond its time to live', async () => {
    const { watched, time, start } = arrange();
    const dataKeys = start();
    const { id } = await dataKeys.keyForSealing('acme');

    watched.isDown = true;
    time.nowMs += ttlMs + 1;

    await expect(dataKeys.keyForOpening('acme', id)).rejects.toBeInstanceOf(KmsUnavailable);
    await expect(dataKeys.keyForSealing('acme')).rejects.toBeInstanceOf(KmsUnavailable);
  });

  it('is named in the error by tenant, key and code', async () => {
    const { watched, start } = arrange();
    const { id } = await start().keyForSealing('acme');

    watched.isDown = true;

    await expect(start().keyForOpening('acme', id)).rejects.toThrow(
      `KMS did not unwrap data key ${id} of tenant acme: ECONNREFUSED`,
    );
  });

  it('stores no key for a new tenant, and the next call makes one', async () => {
    const { watched, store, start } = arrange();
    const dataKeys = start();

    watched.isDown = true;
    await expect(dataKeys.keyForSealing('acme')).rejects.toBeInstanceOf(KmsUnavailable);
    const rowsWhileDown = store.rows.length;
    watched.isDown = false;
    await dataKeys.keyForSealing('acme');

    expect(rowsWhileDown).toBe(0);
    expect(store.rows).toHaveLength(1);
  });

  it('keeps the cause of a closed port', async () => {
    const gone = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey: randomBytes(32) });
    await gone.stop();
    const cutOff = createKmsClient({ region: 'us-east-1', endpoint: gone.url, credentials });
    const keyService = createKeyService({ client: cutOff, keyId: gone.keyArn });
    const dataKeys = createDataKeys({ keyService, store: createMemoryDataKeyStore() });

    const error = await dataKeys.keyForSealing('acme').catch((reason: unknown) => reason as Error);
    cutOff.destroy();

    expect(error).toBeInstanceOf(KmsUnavailable);
    expect(error).toHaveProperty('cause.message', expect.stringContaining('ECONNREFUSED'));
  });
});

describe('the version of the encryption context', () => {
  it('is that of the row for a key that is opened, and the given one for a key that is made', async () => {
    const { keyService, store } = arrange();
    const start = (contextVersion: number) => createDataKeys({ keyService, store, contextVersion });
    const acme = await start(1).keyForSealing('acme');
    const globex = await start(2).keyForSealing('globex');

    const opened = [await start(2).keyForOpening('acme', acme.id), await start(1).keyForOpening('globex', globex.id)];

    expect(store.rows.map(({ contextVersion }) => contextVersion)).toEqual([1, 2]);
    expect(opened.map((key) => key.export())).toEqual([acme.key.export(), globex.key.export()]);
  });
});

describe('a data key that cannot be right', () => {
  it('fails when another KMS key wrapped it than its row says', async () => {
    const { store, start } = arrange();
    const { id } = await start().keyForSealing('acme');
    const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
    for (const row of store.rows) row.keyArn = String(KeyMetadata?.Arn);

    const opening = start().keyForOpening('acme', id);

    await expect(opening).rejects.toMatchObject({
      name: 'DecryptionFailed',
      cause: { name: 'IncorrectKeyException' },
    });
  });

  it('is unknown to another tenant, also while it is cached', async () => {
    const { watched, start } = arrange();
    const dataKeys = start();
    const { id } = await dataKeys.keyForSealing('acme');

    await expect(dataKeys.keyForOpening('globex', id)).rejects.toBeInstanceOf(DecryptionFailed);
    expect(watched.decrypted).toBe(0);
  });

  it('fails in KMS when its row is copied to another tenant', async () => {
    const { store, start } = arrange();
    const { id } = await start().keyForSealing('acme');
    store.rows.push(...store.rows.map((row) => ({ ...row, tenantId: 'globex' })));

    const opening = start().keyForOpening('globex', id);

    await expect(opening).rejects.toMatchObject({
      name: 'DecryptionFailed',
      cause: { name: 'InvalidCiphertextException' },
    });
  });
});

describe('a failing store', () => {
  it('is reported as it is, shared by the waiters and then forgotten', async () => {
    const { keyService, store, start } = arrange();
    const { id } = await start().keyForSealing('acme');
    let loads = 0;
    const dataKeys = createDataKeys({
      keyService,
      store: {
        ...store,
        findById: async (tenantId, dataKeyId) => {
          loads++;
          if (loads === 1) throw new Error('connection terminated');
          return store.findById(tenantId, dataKeyId);
        },
      },
    });

    const outcomes = await Promise.allSettled([dataKeys.keyForOpening('acme', id), dataKeys.keyForOpening('acme', id)]);

    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { message: 'connection terminated' } },
      { status: 'rejected', reason: { message: 'connection terminated' } },
    ]);
    expect(loads).toBe(1);
    await expect(dataKeys.keyForOpening('acme', id)).resolves.toBeDefined();
  });
});
