/**
 * Wraps all data keys by the KMS key and under the context version that are in use now. KMS re-encrypts them, so that
 * no key is ever seen in clear, and what they seal stays as it is. Keys that are there already are left alone:
 * the rotation can be stopped, repeated, and run twice at a time.
 */
import { forEachConcurrently } from '../concurrently';
import { dataKeyContext, type DataKeyRow } from './data-keys';
import type { KeyService } from './kms-client';

export interface WrappedKeyStore {
  count(): Promise<number>;
  /** Keys of all tenants, the retired ones too, in the order of their ids. */
  page(afterId: string, limit: number): Promise<DataKeyRow[]>;
  /** @returns false when the key was wrapped anew by somebody else since `before` was read */
  replace(before: DataKeyRow, after: Pick<DataKeyRow, 'keyArn' | 'contextVersion' | 'wrapped'>): Promise<boolean>;
}

export interface RotateOptions {
  readonly keyService: Pick<KeyService, 'check' | 'moveDataKey'>;
  readonly store: WrappedKeyStore;
  readonly contextVersion: number;
  /** Ends the rotation between two keys. */
  readonly signal: AbortSignal;
  readonly onProgress: (counts: RotateCounts, total: number) => void;
  readonly onFailed: (key: DataKeyRow, error: Error) => void;
  /** Keys that are looked at in one go. */
  readonly pageSize?: number;
}

export interface RotateCounts {
  moved: number;
  /** Wrapped as wished before, or by another rotation meanwhile. */
  alreadyThere: number;
  failed: number;
}

/** KMS has one quota for all its users, and those that deliver go first. */
const concurrency = 4;

/** A single key may be broken; when so many fail one after the other it is something else, and going on is no use. */
const failuresInARow = 20;

/**
 * @throws KMS's error when the key in use cannot be described or is not enabled
 * @throws Error when 20 keys in a row could not be moved; the database's error; the signal's reason
 */
export async function rotateDataKeys(options: RotateOptions): Promise<RotateCounts> {
  const { keyService, store, contextVersion, signal, onProgress, onFailed, pageSize = 100 } = options;
  const { keyArn } = await keyService.check();
  const total = await store.count();
  const counts: RotateCounts = { moved: 0, alreadyThere: 0, failed: 0 };
  let failedInARow = 0;

  const move = async (key: DataKeyRow): Promise<keyof RotateCounts> => {
    if (key.keyArn === keyArn && key.contextVersion === contextVersion) return 'alreadyThere';
    let moved: { wrapped: Buffer; keyArn: string };
    try {
      const from = { keyArn: key.keyArn, context: dataKeyContext(key.tenantId, key.contextVersion) };
      const to = { context: dataKeyContext(key.tenantId, contextVersion) };
      moved = await keyService.moveDataKey(key.wrapped, from, to);
    } catch (error) {
      onFailed(key, error as Error);
      if (++failedInARow >= failuresInARow) {
        throw new Error(`${failuresInARow} data keys in a row could not be moved`, { cause: error });
      }
      return 'failed';
    }
    failedInARow = 0;
    return (await store.replace(key, { ...moved, contextVersion })) ? 'moved' : 'alreadyThere';
  };

  for (let afterId = ''; ;) {
    const keys = await store.page(afterId, pageSize);
    const last = keys.at(-1);
    if (!last) return counts;
    await forEachConcurrently(keys, concurrency, async (key) => {
      signal.throwIfAborted();
      counts[await move(key)]++;
    });
    onProgress(counts, total);
    afterId = last.id;
  }
}
