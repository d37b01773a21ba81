/**
 * What was looked up about credentials, kept for a moment: the price of not asking the database for each
 * request. It is short of two seconds by what a look-up takes, so that a revocation works within two.
 */
import { LRUCache } from 'lru-cache';

export function createCredentialCache<T extends object | number>(): LRUCache<string, T> {
  return new LRUCache<string, T>({ max: 10_000, ttl: 1_500 });
}
