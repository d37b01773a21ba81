/**
 * What people ask of a delivery: replay it, cancel it, try it now. What an answer promises is in the
 * database first; the workflow is told afterwards.
 */
import { EverhookError } from '../domain/errors';
import type { ClaimedDelivery } from '../store/claims';
import type { Deliveries, Delivery } from '../store/deliveries';
import type { DeliveryChange, DeliveryChanges, ReplayOptions } from '../store/delivery-changes';
import type { Claim } from '../store/events';
import { deliveryCancelled, deliveryReplayed, type Telemetry } from '../telemetry/events';

export interface ControlDeps {
  readonly telemetry: Telemetry;
  readonly deliveries: Pick<Deliveries, 'get'>;
  readonly changes: DeliveryChanges;
  readonly outbox: { readonly claim: Claim; handOver(deliveries: readonly ClaimedDelivery[]): void };
  /** @returns false when no run of it is open @throws whatever tells that Temporal does not answer */
  readonly signal: (deliveryId: string, signal: 'retryNow' | 'cancel') => Promise<boolean>;
}

export interface DeliveryControl {
  /** @throws NOT_FOUND, INVALID_STATE while it runs and when its webhook takes nothing */
  replay(change: DeliveryChange, options?: ReplayOptions): Promise<Delivery>;
  /** @throws NOT_FOUND, INVALID_STATE when it has ended */
  cancel(change: DeliveryChange): Promise<Delivery>;
  /** @throws NOT_FOUND, INVALID_STATE unless it waits for its retry, UNAVAILABLE while Temporal is away */
  retryNow(tenantId: string, deliveryId: string): Promise<Delivery>;
  /** @throws NOT_FOUND when it is no dead letter that is listed */
  resolve(change: DeliveryChange): Promise<void>;
}

export function createDeliveryControl(deps: ControlDeps): DeliveryControl {
  const { telemetry, deliveries, changes, outbox, signal } = deps;
  return {
    async replay(change, options) {
      const { delivery, claimed } = await changes.replay(change, outbox.claim, options);
      outbox.handOver([claimed]);
      deliveryReplayed(telemetry, { ...idsOf(change, delivery), replay_no: delivery.replayNo });
      return delivery;
    },

    async cancel(change) {
      const delivery = await changes.cancel(change);
      deliveryCancelled(telemetry, { ...idsOf(change, delivery), attempts: delivery.attempts });
      // Waited for, so that it cannot come late and meet a replay. A run that misses it finds out by itself.
      await signal(change.deliveryId, 'cancel').catch((error: unknown) => {
        telemetry.log.warn({ event: 'delivery.cancel_not_signalled', delivery_id: change.deliveryId, err: error });
      });
      return delivery;
    },

    async retryNow(tenantId, deliveryId) {
      const delivery = await deliveries.get(tenantId, deliveryId);
      if (delivery.status !== 'FAILED_RETRY') throw notWaiting(delivery);
      let signalled: boolean;
      try {
        signalled = await signal(deliveryId, 'retryNow');
      } catch (error) {
        throw new EverhookError('UNAVAILABLE', `retryNow of ${deliveryId} was not signalled`, { cause: error });
      }
      if (!signalled) throw notWaiting(delivery);
      return delivery;
    },

    resolve: (change) => changes.resolve(change),
  };
}

function idsOf({ tenantId, deliveryId }: DeliveryChange, { webhookId }: Delivery) {
  return { delivery_id: deliveryId, tenant_id: tenantId, webhook_id: webhookId };
}

function notWaiting({ id, status }: Delivery): EverhookError {
  return new EverhookError('INVALID_STATE', `retryNow of ${id}, which is ${status}`, {
    publicMessage: 'The delivery does not wait for a retry.',
  });
}
