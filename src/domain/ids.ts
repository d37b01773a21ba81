/**
 * Identifiers. Everything Everhook names gets a ULID: 26 characters, sortable by time of creation,
 * so that a primary key on it is also an index on age.
 */
import { encodeTime, monotonicFactory } from 'ulid';

/** A new id; within one process and millisecond each is greater than the one before. */
export const newId: () => string = monotonicFactory();

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
