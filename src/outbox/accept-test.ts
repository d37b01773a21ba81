/** Accepting a test: an event that goes to one webhook only, whatever that webhook subscribes to. */
import { EverhookError } from '../domain/errors';
import { acceptFor, type AcceptDeps } from './accept';

export interface TestEvent {
  readonly tenantId: string;
  readonly webhookId: string;
  readonly type: string;
  readonly payloadText: string;
}

export type AcceptTest = (test: TestEvent) => Promise<{ eventId: string; deliveryId: string }>;

/** @throws INVALID_STATE when the webhook takes no events now, QUEUE_FULL when its queue is full */
export async function acceptTest(deps: AcceptDeps, test: TestEvent): ReturnType<AcceptTest> {
  const { tenantId, webhookId, type, payloadText } = test;
  const webhook = (await deps.events.candidates(tenantId)).find(({ id }) => id === webhookId);
  if (!webhook) {
    throw new EverhookError('INVALID_STATE', `webhook ${webhookId} takes no events`, {
      publicMessage: 'The webhook is disabled; enable it to send it a test.',
    });
  }
  const plain = { id: undefined, source: null, eventTime: null, channel: null, idempotencyKey: null };
  const { eventId, deliveryIds } = await acceptFor(deps, { ...plain, tenantId, type, payloadText }, [webhook]);
  return { eventId, deliveryId: deliveryIds[0] as string };
}
