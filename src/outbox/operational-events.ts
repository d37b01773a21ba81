/**
 * Events that Everhook publishes about a tenant's own webhooks and deliveries, for those of its webhooks that name
 * them. The id of each is made from what happened, so that publishing it again writes nothing: whoever publishes
 * repeats until it has succeeded. What happens to their own deliveries is published no further.
 */
import { EverhookError } from '../domain/errors';
import { isOperationalType } from '../domain/event-type';
import type { WebhookState } from '../domain/webhook-state';
import type { FindDeadLetterFacts } from '../store/dead-letter-facts';
import type { WebhookStanding } from '../store/fan-out';
import { acceptFor, wants, type AcceptDeps } from './accept';

export interface OperationalEventsDeps extends Omit<AcceptDeps, 'operationalEvents'> {
  readonly findDeadLetter: FindDeadLetterFacts;
}

const webhookTypes: Record<WebhookState, string> = {
  active: 'everhook.webhook.enabled',
  paused: 'everhook.webhook.paused',
  disabled: 'everhook.webhook.disabled',
};

const deadLetterType = 'everhook.delivery.dead_lettered';

/** Dead letters that wait to be published; those beyond are left out. */
const maxNoted = 10_000;

interface OperationalEvent {
  readonly tenantId: string;
  readonly id: string;
  readonly type: string;
  readonly at: Date;
  readonly payload: Readonly<Record<string, string | number | null>>;
}

export class OperationalEvents {
  private readonly noted: string[] = [];
  private working: Promise<void> | undefined;

  constructor(private readonly deps: OperationalEventsDeps) {}

  /** The webhook's state as it is now; changes that followed each other fast are told as the last one. */
  async webhookChanged(webhookId: string, standing: WebhookStanding): Promise<void> {
    if (standing.deleted) return;
    await this.publish(webhookId, {
      tenantId: standing.tenantId,
      id: `everhook-webhook-${webhookId}-${standing.stateVersion}`,
      type: webhookTypes[standing.state],
      at: standing.stateChangedAt,
      payload: {
        webhook_id: webhookId,
        // The rest of it may be as good as a password.
        url_origin: new URL(standing.url).origin,
        state: standing.state,
        reason: standing.stateReason,
        changed_at: standing.stateChangedAt.toISOString(),
      },
    });
  }

  /**
   * @param runId of the run that ended it; null for one that was a dead letter from the start
   * @throws the database's error; a dead letter that was replayed meanwhile is passed over
   */
  async deadLettered(deliveryId: string, runId: string | null): Promise<void> {
    const letter = await this.deps.findDeadLetter(deliveryId, runId);
    if (!letter || isOperationalType(letter.eventType)) return;
    await this.publish(letter.webhookId, {
      tenantId: letter.tenantId,
      id: `everhook-dead-${deliveryId}-${letter.replayNo}`,
      type: deadLetterType,
      at: letter.deadLetteredAt,
      payload: {
        delivery_id: deliveryId,
        webhook_id: letter.webhookId,
        event_id: letter.eventId,
        event_type: letter.eventType,
        reason: letter.reason,
        attempts: letter.attempts,
        replay_no: letter.replayNo,
        last_status_code: letter.lastStatusCode,
        dead_lettered_at: letter.deadLetteredAt.toISOString(),
      },
    });
  }

  /** A delivery is a dead letter from the start, and nobody comes back for it: tried once. Never waits, never throws. */
  note(deliveryId: string): void {
    if (this.noted.length >= maxNoted) return this.notPublished(deliveryId, new Error('too many are waiting'));
    this.noted.push(deliveryId);
    this.working ??= this.workOff();
  }

  async idle(): Promise<void> {
    await this.working;
  }

  private async workOff(): Promise<void> {
    for (let id = this.noted.shift(); id !== undefined; id = this.noted.shift()) {
      await this.tryOnce(id);
    }
    this.working = undefined;
  }

  /** As `note`, for many of one tenant and to be waited for. @throws the database's error; none was published then */
  async tell(tenantId: string, deliveryIds: readonly string[]): Promise<void> {
    const event = { type: deadLetterType, channel: null };
    const candidates = await this.deps.events.candidates(tenantId);
    if (!candidates.some((webhook) => wants(webhook, event))) return;
    for (const id of deliveryIds) await this.tryOnce(id);
  }

  private async tryOnce(deliveryId: string): Promise<void> {
    try {
      await this.deadLettered(deliveryId, null);
    } catch (error) {
      this.notPublished(deliveryId, error);
    }
  }

  private notPublished(deliveryId: string, error: unknown): void {
    this.deps.telemetry.log.warn({ event: 'dead_letter.not_published', delivery_id: deliveryId, err: error });
  }

  private async publish(aboutWebhookId: string, { tenantId, id, type, at, payload }: OperationalEvent): Promise<void> {
    const plain = { source: 'everhook', channel: null, idempotencyKey: null };
    const event = { ...plain, tenantId, id, type, eventTime: at, payloadText: JSON.stringify(payload) };
    const candidates = await this.deps.events.candidates(tenantId);
    const wanting = candidates.filter((webhook) => webhook.id !== aboutWebhookId && wants(webhook, event));
    if (wanting.length === 0) return;
    try {
      // What a full queue does not take of these is published no further.
      await acceptFor({ ...this.deps, operationalEvents: { note() {} } }, event, wanting, false);
    } catch (error) {
      // It was published before, and something of it is told otherwise since, such as the URL.
      if (!(error instanceof EverhookError) || error.code !== 'EVENT_ID_CONFLICT') throw error;
    }
  }
}
