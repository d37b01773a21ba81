/** A webhook of one tenant, and its events. */
import { eventBody } from '../lanes/measure';
import type { Everhook } from '../lanes/systems';
import type { PublishOrder, PublishReport } from '../programs/publisher';
import { ask, countRows, type Caller, type Stand } from '../stand';

export interface Target {
  readonly type: string;
  readonly webhookId: string;
  readonly tenant: Caller;
}

export async function createTarget(
  stand: Stand,
  tenant: Caller,
  type: string,
  { path = '/hook', ...settings }: { readonly path?: string; readonly [setting: string]: unknown },
): Promise<Target> {
  const { id = '' } = await tenant.post('/v1/webhooks', {
    url: new URL(path, stand.receiverUrl).href,
    event_types: [type],
    max_in_flight: 500,
    max_queue_size: 1_000_000,
    ...settings,
  });
  return { type, webhookId: id, tenant };
}

export function publish(
  { publisher }: Stand,
  { server }: Everhook,
  { type, tenant }: Target,
  count: number,
  concurrency = 64,
): Promise<PublishReport> {
  return ask<PublishReport>(publisher, {
    url: server.url,
    path: '/v1/events',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tenant.token}` },
    accepted: 202,
    body: eventBody(type),
    count,
    concurrency,
  } satisfies PublishOrder);
}

export const delivered = (stand: Stand, { webhookId }: Target): Promise<number> =>
  countRows(stand, "hook.deliveries WHERE webhook_id = $1 AND status = 'SUCCESS'", [webhookId]);
