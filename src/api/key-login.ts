/** Whose API key it is. Notes when a key was last used, beside the request and without ever failing it. */
import { LRUCache } from 'lru-cache';
import type { ApiKeys, KeyCredentials } from '../store/api-keys';
import type { Telemetry } from '../telemetry/events';
import { isApiKey } from './api-key';
import { createCredentialCache } from './credential-cache';
import { scopes, type Principal } from './principal';
import { hashSecret, isSameHash } from './secret-hash';

/** How often one process notes that a key is in use, in milliseconds. */
const touchIntervalMs = 60_000;

export interface KeyLoginDeps {
  readonly telemetry: Telemetry;
  readonly apiKeys: Pick<ApiKeys, 'findByHash' | 'touch'>;
}

/** @returns undefined for whatever is not a key that is valid now */
export type KeyLogin = (key: string) => Promise<Principal | undefined>;

export function createKeyLogin({ telemetry, apiKeys }: KeyLoginDeps): KeyLogin {
  const known = createCredentialCache<KeyCredentials>();
  const touched = new LRUCache<string, true>({ max: 10_000, ttl: touchIntervalMs });

  return async (text) => {
    if (!isApiKey(text)) return undefined;
    const hash = hashSecret(text);
    const key = await find(hash);
    if (!key || !isSameHash(key.keyHash, hash) || hasExpired(key)) return undefined;
    touch(key.id);
    return {
      kind: 'key',
      tenantId: key.tenantId,
      keyId: key.id,
      scopes: scopes.filter((scope) => key.scopes.includes(scope)),
    };
  };

  async function find(hash: Buffer): Promise<KeyCredentials | undefined> {
    const name = hash.toString('base64');
    const cached = known.get(name);
    if (cached !== undefined) return cached;
    const key = await apiKeys.findByHash(hash);
    // That there is no such key is not kept: it may be created in the next moment and used at once.
    if (key !== undefined) known.set(name, key);
    return key;
  }

  function touch(id: string): void {
    if (touched.has(id)) return;
    touched.set(id, true);
    apiKeys.touch(id).catch((error: unknown) => {
      telemetry.log.warn({ event: 'key.touch_failed', key_id: id, err: error });
    });
  }
}

function hasExpired({ expiresAt }: KeyCredentials): boolean {
  return expiresAt !== null && expiresAt.getTime() <= Date.now();
}
