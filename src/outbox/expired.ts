/**
 * Deliveries whose time was over before an attempt could be begun, which happens to thousands at once when a webhook
 * hangs. There is nothing for a workflow to own any more, and workflows that only end them would stand before
 * everybody's deliveries in Temporal: they become dead letters at once, as what a full queue does not take.
 */
import { forEachConcurrently } from '../concurrently';
import type { Expire, ExpiredDelivery } from '../store/expiry';
import { deliveryEnded, type Telemetry } from '../telemetry/events';

export interface ExpiredDeps {
  readonly telemetry: Telemetry;
  readonly expire: Expire;
  /** Told of every dead letter. */
  readonly dlqLimit: { note(tenantId: string): void };
  /** Publishes dead letters of one tenant. */
  readonly operationalEvents: { tell(tenantId: string, deliveryIds: readonly string[]): Promise<void> };
}

/** Ended by one statement. */
const batch = 500;

/** Tenants told at one time. */
const concurrentTenants = 4;

/** @throws the database's error when they could not be ended, or not be published */
export async function endExpired({ telemetry, expire, dlqLimit, operationalEvents }: ExpiredDeps): Promise<void> {
  let ended: ExpiredDelivery[];
  do {
    ended = await expire(batch);
    const ofTenants = new Map<string, string[]>();
    for (const { id, tenantId, webhookId, attempts } of ended) {
      const ids = { delivery_id: id, tenant_id: tenantId, webhook_id: webhookId };
      deliveryEnded(telemetry, { ...ids, reason: 'EXPIRED', attempts });
      const ofTenant = ofTenants.get(tenantId);
      if (ofTenant) ofTenant.push(id);
      else ofTenants.set(tenantId, [id]);
    }
    for (const tenantId of ofTenants.keys()) dlqLimit.note(tenantId);
    await forEachConcurrently(ofTenants, concurrentTenants, ([tenantId, ids]) => operationalEvents.tell(tenantId, ids));
  } while (ended.length === batch);
}
