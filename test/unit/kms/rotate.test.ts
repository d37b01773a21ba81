/** Wrapping data keys anew: what is moved, what is left alone, and what a failure does to the rest. */
import { randomBytes } from 'node:crypto';
import { CreateKeyCommand, DisableKeyCommand } from '@aws-sdk/client-kms';
import { createDataKeys, type DataKeyRow } from '../../../src/kms/data-keys';
import { createKeyService } from '../../../src/kms/kms-client';
import { rotateDataKeys, type RotateCounts, type RotateOptions } from '../../../src/kms/rotate';
import { startEmulatedKms, type EmulatedKms } from './emulated-kms';
import { createMemoryDataKeyStore } from './memory-data-key-store';

let kms: EmulatedKms;

beforeAll(async () => {
  kms = await startEmulatedKms();
});

afterAll(() => kms.stop());

async function createKey(): Promise<string> {
  const { KeyMetadata } = await kms.client.send(new CreateKeyCommand({}));
  return String(KeyMetadata?.Arn);
}

/** Tenants with a data key each, wrapped by a KMS key of their own test. */
async function arrange(tenants: number) {
  const store = createMemoryDataKeyStore();
  const oldKey = await createKey();
  const before = createDataKeys({ keyService: createKeyService({ client: kms.client, keyId: oldKey }), store });
  const keys = new Map<string, Buffer>();
  for (let n = 0; n < tenants; n++) {
    keys.set(`tenant-${n}`, (await before.keyForSealing(`tenant-${n}`)).key.export());
  }

  const rotate = (keyId: string, options: Partial<RotateOptions> = {}): Promise<RotateCounts> =>
    rotateDataKeys({
      keyService: createKeyService({ client: kms.client, keyId }),
      store,
      contextVersion: 1,
      signal: new AbortController().signal,
      onProgress: () => {},
      onFailed: () => {},
      pageSize: 10,
      ...options,
    });
  /** As a process with a cold cache does. */
  const opened = async (contextVersion = 1): Promise<Map<string, Buffer>> => {
    const after = createDataKeys({
      keyService: createKeyService({ client: kms.client, keyId: oldKey }),
      store,
      contextVersion,
    });
    const clear = new Map<string, Buffer>();
    for (const { tenantId, id } of store.rows) {
      clear.set(tenantId, (await after.keyForOpening(tenantId, id)).export());
    }
    return clear;
  };
  return { store, oldKey, keys, rotate, opened };
}

const arnsOf = (rows: DataKeyRow[]) => new Set(rows.map(({ keyArn }) => keyArn));

describe('a rotation', () => {
  it('moves every data key to the new KMS key, so that the old one can be switched off', async () => {
    const { store, oldKey, keys, rotate, opened } = await arrange(25);
    const newKey = await createKey();
    const told: unknown[] = [];

    const counts = await rotate(newKey, { onProgress: (now, total) => told.push({ ...now, total }) });

    expect(counts).toEqual({ moved: 25, alreadyThere: 0, failed: 0 });
    expect(told).toEqual([10, 20, 25].map((moved) => ({ moved, alreadyThere: 0, failed: 0, total: 25 })));
    expect(arnsOf(store.rows)).toEqual(new Set([newKey]));
    await kms.client.send(new DisableKeyCommand({ KeyId: oldKey }));
    expect(await opened()).toEqual(keys);
  });

  it('moves every data key to a new version of the context, under which alone it then opens', async () => {
    const { store, oldKey, keys, rotate, opened } = await arrange(3);
    const [before] = store.rows.map((row) => ({ ...row }));

    const counts = await rotate(oldKey, { contextVersion: 2 });
    const clear = await opened(1);
    store.rows.push(...store.rows.splice(0).map((row) => ({ ...row, contextVersion: 1 })));

    expect(counts).toEqual({ moved: 3, alreadyThere: 0, failed: 0 });
    expect(clear).toEqual(keys);
    await expect(opened(2)).rejects.toMatchObject({ name: 'DecryptionFailed' });
    expect(before).toMatchObject({ keyArn: oldKey, contextVersion: 1 });
  });

  it('leaves alone what is there, and asks KMS nothing about it', async () => {
    const { store, oldKey, rotate } = await arrange(3);
    const before = store.rows.map((row) => ({ ...row }));

    const counts = await rotate(oldKey, {
      keyService: {
        check: async () => ({ keyArn: oldKey }),
        moveDataKey: () => Promise.reject(new Error('nothing was to be moved')),
      },
    });

    expect(counts).toEqual({ moved: 0, alreadyThere: 3, failed: 0 });
    expect(store.rows).toEqual(before);
  });

  it('goes on where one before it was stopped', async () => {
    const { store, keys, rotate, opened } = await arrange(30);
    const newKey = await createKey();
    const stop = new AbortController();

    const stopped = rotate(newKey, { signal: stop.signal, onProgress: () => stop.abort(new Error('stopped')) });
    await expect(stopped).rejects.toThrow('stopped');
    const movedBefore = store.rows.filter(({ keyArn }) => keyArn === newKey).length;
    const counts = await rotate(newKey);

    expect(movedBefore).toBe(10);
    expect(counts).toEqual({ moved: 20, alreadyThere: 10, failed: 0 });
    expect(await opened()).toEqual(keys);
  });

  it('can run twice at a time: each key is moved once', async () => {
    const { store, keys, rotate, opened } = await arrange(25);
    const newKey = await createKey();

    const [first, second] = await Promise.all([rotate(newKey), rotate(newKey)]);

    expect(first.moved + second.moved).toBe(25);
    expect([first, second].map(({ failed }) => failed)).toEqual([0, 0]);
    expect(arnsOf(store.rows)).toEqual(new Set([newKey]));
    expect(await opened()).toEqual(keys);
  });

  it('names a key that KMS refuses, and moves the others', async () => {
    const { store, rotate } = await arrange(12);
    const newKey = await createKey();
    for (const row of store.rows.slice(4, 5)) row.wrapped = randomBytes(80);
    const failed: string[] = [];

    const counts = await rotate(newKey, { onFailed: ({ tenantId }, { name }) => failed.push(`${tenantId}: ${name}`) });

    expect(counts).toEqual({ moved: 11, alreadyThere: 0, failed: 1 });
    expect(failed).toEqual(['tenant-4: InvalidCiphertextException']);
  });

  it('goes on however many are refused, as long as others are moved in between', async () => {
    const { store, rotate } = await arrange(48);
    for (const [n, row] of store.rows.entries()) if (n % 2 === 0) row.wrapped = randomBytes(80);

    const counts = await rotate(await createKey());

    expect(counts).toEqual({ moved: 24, alreadyThere: 0, failed: 24 });
  });

  it('is given up when key after key is refused', async () => {
    const { store, oldKey, rotate } = await arrange(40);
    const newKey = await createKey();
    await kms.client.send(new DisableKeyCommand({ KeyId: oldKey }));
    let failed = 0;

    const rotation = rotate(newKey, { pageSize: 100, onFailed: () => failed++ });

    await expect(rotation).rejects.toThrow('20 data keys in a row');
    expect(failed).toBeLessThan(30);
    expect(arnsOf(store.rows)).toEqual(new Set([oldKey]));
  });

  it('does not begin when the new KMS key cannot be used', async () => {
    const { oldKey, rotate } = await arrange(1);
    await kms.client.send(new DisableKeyCommand({ KeyId: oldKey }));

    await expect(rotate(oldKey)).rejects.toThrow('in state Disabled');
    await expect(rotate('no-such-key')).rejects.toMatchObject({ name: 'NotFoundException' });
  });
});
