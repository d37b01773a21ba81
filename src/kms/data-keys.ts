/**
 * The data keys of all tenants, unwrapped by KMS and kept for at most five minutes.
 * Keys are handed out as KeyObjects: they cannot be printed, and Node clears their memory once the last holder
 * has let go, so an eviction never pulls a key from under somebody who is using it.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { IncorrectKeyException, InvalidCiphertextException } from '@aws-sdk/client-kms';
import { LRUCache } from 'lru-cache';
import { ulid } from 'ulid';
import { DecryptionFailed } from './envelope';
import type { EncryptionContext, KeyService } from './kms-client';

export interface DataKeyRow {
  /** ULID. */
  id: string;
  tenantId: string;
  /** ARN of the KMS key that wrapped it. */
  keyArn: string;
  /** Version of the encryption context it was wrapped under. */
  contextVersion: number;
  wrapped: Buffer;
}

export interface DataKeyStore {
  /** The key under which new values of the tenant are sealed, if it has one yet. */
  findCurrent(tenantId: string): Promise<DataKeyRow | undefined>;
  /** Retired keys included; another tenant's key is undefined like a missing one. */
  findById(tenantId: string, id: string): Promise<DataKeyRow | undefined>;
  /** @returns the winning row: if another process gave the tenant a current key first, that one */
  insert(row: DataKeyRow): Promise<DataKeyRow>;
}

export interface DataKeysOptions {
  keyService: Pick<KeyService, 'generateDataKey' | 'decryptDataKey'>;
  store: DataKeyStore;
  /** Of the encryption context under which new keys are wrapped. */
  contextVersion?: number;
  /** Milliseconds that never run backwards, so that setting the machine's time cannot prolong a key's stay. */
  clock?: () => number;
  ttlMs?: number;
  /** How many unwrapped keys to hold; the least recently used go first. */
  max?: number;
}

/** KMS could not be asked or refused for now. Trying later may help; the message holds ids only. */
export class KmsUnavailable extends Error {
  override readonly name = 'KmsUnavailable';
}

/** A wrapped key that is copied to another tenant's row fails in KMS, because its context no longer matches. */
export function dataKeyContext(tenantId: string, version: number): EncryptionContext {
  return { app: 'everhook', tenant: tenantId, purpose: 'data-key', v: String(version) };
}

export function createDataKeys({
  keyService,
  store,
  contextVersion = 1,
  clock = () => performance.now(),
  ttlMs = 300_000,
  max = 10_000,
}: DataKeysOptions) {
  const cache = new LRUCache<string, KeyObject>({
    max,
    ttl: ttlMs,
    // An unused key also leaves memory on time, not only when somebody asks for it again.
    ttlAutopurge: true,
    ttlResolution: 0,
    perf: { now: clock },
  });
  const unwrapOnce = singleFlight<KeyObject>();
  const createOnce = singleFlight<{ id: string; key: KeyObject }>();

  /** Waiters share one load and one KMS call; a failure reaches all of them and is then forgotten. */
  async function unwrapped(
    tenantId: string,
    dataKeyId: string,
    loadRow: () => Promise<DataKeyRow | undefined>,
  ): Promise<KeyObject> {
    const cacheId = cacheIdOf(tenantId, dataKeyId);
    return (
      cache.get(cacheId) ??
      unwrapOnce(cacheId, async () => {
        const row = await loadRow();
        if (!row) throw new DecryptionFailed(`tenant ${tenantId} has no data key ${dataKeyId}`);
        // The age counts from before the call, so a slow answer cannot make a key older than the limit.
        const start = clock();
        const plaintext = await askKms(`unwrap data key ${dataKeyId} of tenant ${tenantId}`, () =>
          keyService.decryptDataKey(row.wrapped, dataKeyContext(tenantId, row.contextVersion), row.keyArn),
        );
        const key = takeKey(plaintext);
        cache.set(cacheId, key, { start });
        return key;
      })
    );
  }

  async function create(tenantId: string): Promise<{ id: string; key: KeyObject }> {
    const start = clock();
    const { plaintext, wrapped, keyArn } = await askKms(`make a data key for tenant ${tenantId}`, () =>
      keyService.generateDataKey(dataKeyContext(tenantId, contextVersion)),
    );
    const key = takeKey(plaintext);
    const row = { id: ulid(), tenantId, keyArn, contextVersion, wrapped };
    const winner = await store.insert(row);
    if (winner.id !== row.id) {
      return { id: winner.id, key: await unwrapped(tenantId, winner.id, async () => winner) };
    }
    cache.set(cacheIdOf(tenantId, row.id), key, { start });
    return { id: row.id, key };
  }

  return {
    /**
     * The tenant's current key, made by KMS on first use. Which key is current is read from the store every
     * time, so a retired key is never used for a new value.
     *
     * @throws KmsUnavailable when a key has to be made or unwrapped and KMS does not do it
     * @throws DecryptionFailed when the stored key was altered or belongs to another tenant
     */
    async keyForSealing(tenantId: string): Promise<{ id: string; key: KeyObject }> {
      const row = await store.findCurrent(tenantId);
      if (!row) return createOnce(tenantId, () => create(tenantId));
      return { id: row.id, key: await unwrapped(tenantId, row.id, async () => row) };
    },

    /**
     * @throws KmsUnavailable when the key is not cached and KMS does not unwrap it
     * @throws DecryptionFailed when the tenant has no such key, or the stored key was altered
     */
    async keyForOpening(tenantId: string, dataKeyId: string): Promise<KeyObject> {
      return unwrapped(tenantId, dataKeyId, () => store.findById(tenantId, dataKeyId));
    },
  };
}

export type DataKeys = ReturnType<typeof createDataKeys>;

function cacheIdOf(tenantId: string, dataKeyId: string): string {
  return `${tenantId}/${dataKeyId}`;
}

/** Moves the key into OpenSSL's memory and zeroes the buffer it came in. */
function takeKey(plaintext: Buffer): KeyObject {
  const key = createSecretKey(plaintext);
  plaintext.fill(0);
  return key;
}

/** Tells what no retry can mend (the stored key is wrong) from what the operator or time can. */
async function askKms<T>(purpose: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    // Codes and names only: what KMS says in full stays in the cause.
    const { code, name } = (cause ?? {}) as { code?: string; name?: string };
    const why = code ?? name ?? 'unknown error';
    if (cause instanceof InvalidCiphertextException || cause instanceof IncorrectKeyException) {
      throw new DecryptionFailed(`KMS refuses to ${purpose}: ${why}`, { cause });
    }
    throw new KmsUnavailable(`KMS did not ${purpose}: ${why}`, { cause });
  }
}

function singleFlight<T>(): (id: string, run: () => Promise<T>) => Promise<T> {
  const flights = new Map<string, Promise<T>>();
  return (id, run) => {
    const running = flights.get(id);
    if (running) return running;
    const flight = run().finally(() => flights.delete(id));
    flights.set(id, flight);
    return flight;
  };
}
