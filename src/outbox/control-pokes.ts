/**
 * Tells control workflows that there is something to do for them. What is due stands in Postgres, so a poke
 * that comes to nothing, because Temporal is away or the process ends, is made up for by the sweep.
 */
import { forEachConcurrently } from '../concurrently';
import type { WebhookIds } from '../domain/ids';
import type { ControlDues } from '../store/control-dues';
import type { Telemetry } from '../telemetry/events';

export interface ControlPokesOptions {
  readonly telemetry: Telemetry;
  readonly dues: ControlDues;
  readonly temporal: {
    pokeControl(webhook: WebhookIds): Promise<void>;
    ensureControl(webhook: WebhookIds): Promise<void>;
    runningControls(): Promise<Set<string>>;
  };
}

/** Webhooks that one sweep pokes; the next one goes on after them, and in the end from the beginning. */
const sweepLimit = 200;

/** Webhooks looked at in one read when missing workflows are started. */
const healPage = 500;

/** Calls to Temporal under way at one time. */
const concurrency = 10;

export class ControlPokes {
  private readonly underWay = new Set<Promise<void>>();
  private stopped = false;
  /** Webhooks stay behind for as long as they are worked on, so those after them would never have their turn. */
  private sweptTo = '';

  constructor(private readonly options: ControlPokesOptions) {}

  /** Never waits and never throws. */
  poke(webhook: WebhookIds): void {
    if (this.stopped) return;
    const poked = this.tryPoke(webhook).finally(() => this.underWay.delete(poked));
    this.underWay.add(poked);
  }

  /** Pokes those that are behind. @throws the database's error */
  async sweep(): Promise<void> {
    const webhooks = await this.options.dues.due(this.sweptTo, sweepLimit);
    this.sweptTo = webhooks.length < sweepLimit ? '' : (webhooks.at(-1)?.webhookId ?? '');
    await this.each(webhooks, (webhook) => this.tryPoke(webhook));
  }

  /** Starts the control workflows that are missing. @throws the database's error, or Temporal's */
  async heal(): Promise<void> {
    const { dues, temporal } = this.options;
    const running = await temporal.runningControls();
    for (let afterId = ''; !this.stopped;) {
      const webhooks = await dues.all(afterId, healPage);
      const missing = webhooks.filter(({ webhookId }) => !running.has(webhookId));
      await this.each(missing, (webhook) => temporal.ensureControl(webhook));
      const last = webhooks.at(-1);
      if (!last) return;
      afterId = last.webhookId;
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.underWay);
  }

  private async tryPoke(webhook: WebhookIds): Promise<void> {
    try {
      await this.options.temporal.pokeControl(webhook);
    } catch (error) {
      const { log } = this.options.telemetry;
      log.debug({ event: 'control.poke_failed', webhook_id: webhook.webhookId, err: error });
    }
  }

  private async each(webhooks: readonly WebhookIds[], work: (webhook: WebhookIds) => Promise<void>): Promise<void> {
    await forEachConcurrently(webhooks, concurrency, async (webhook) => {
      if (!this.stopped) await work(webhook);
    });
  }
}
