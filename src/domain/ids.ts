/**
 * Identifiers. Everything Everhook names gets a ULID: 26 characters, sortable by time of creation,
 * so that a primary key on it is also an index on age.
 */
import { encodeTime, monotonicFactory } from 'ulid';

/** Random bytes asked of the system at a time: a call costs as much as making an id. */
const poolBytes = 4_096;

/** @returns numbers from 0 to below 1 in steps of a 256th, which is enough to choose one of 32 characters */
function pooledRandom(): () => number {
  const pool = new Uint8Array(poolBytes);
  let next = poolBytes;
  return () => {
    if (next === poolBytes) {
      crypto.getRandomValues(pool);
      next = 0;
    }
    return (pool[next++] ?? 0) / 256;
  };
}

/** A new id; within one process and millisecond each is greater than the one before. */
export const newId: () => string = monotonicFactory(pooledRandom());

/** No id made at this time or later is lower. */
export function lowestIdAt(date: Date): string {
  return encodeTime(Math.max(0, date.getTime()), 10).padEnd(26, '0');
}

/** ULID as a JSON Schema pattern: Crockford's base32 without I, L, O and U. */
export const ulidPattern = '^[0-7][0-9A-HJKMNP-TV-Z]{25}$';

/** Tenant ids may be chosen by the operator, so that they match the product's own account ids. */
export const tenantIdPattern = '^[A-Za-z0-9_-]{1,64}$';

/** The delivery's workflow id in Temporal. */
export function deliveryWorkflowId(deliveryId: string): string {
  return `delivery:${deliveryId}`;
}

/** Which webhook is meant, and whose it is. */
export interface WebhookIds {
  readonly tenantId: string;
  readonly webhookId: string;
}

/** The workflow id of a webhook's control workflow. */
export function controlWorkflowId(webhookId: string): string {
  return `webhook:${webhookId}`;
}
