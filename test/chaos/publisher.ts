/** Publishes at a steady rate, whatever becomes of it, and writes down what came of each event. */
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { newId } from '../../src/domain/ids';
import type { Lane, Published } from './ledger';
import { hashOf } from './receiver';

export interface PublisherOptions {
  /** Where an API listens; asked for each event, since processes come and go. */
  readonly apiUrl: () => string;
  readonly token: string;
  readonly lane: Lane;
  readonly type: string;
  readonly perSecond: number;
  /** What is to become of its events; they are to be delivered unless told otherwise. */
  readonly expected?: Published['expected'];
}

const answerMs = 10_000;

export class Publisher {
  readonly published: Published[] = [];
  private readonly agent = new Agent({ connections: 64, headersTimeout: answerMs, bodyTimeout: answerMs });
  private readonly underWay = new Set<Promise<void>>();
  private readonly bodies = new Map<string, string>();
  private running: Promise<void> | undefined;
  private stopped = false;
  private made = 0;

  constructor(private readonly options: PublisherOptions) {}

  start(): void {
    this.running = this.run();
  }

  /** Resolves when the last event has its answer, or is unknown. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    await Promise.all(this.underWay);
  }

  /** Publishes those again that are unknown, with the same ids, as producers are told to. */
  async askAgain(): Promise<void> {
    for (const event of this.published) if (event.outcome === 'unknown') await this.send(event);
  }

  async close(): Promise<void> {
    await this.agent.close();
  }

  private async run(): Promise<void> {
    const startedAt = performance.now();
    while (!this.stopped) {
      const dueAt = startedAt + (this.made * 1000) / this.options.perSecond;
      if (dueAt > performance.now()) await pause(dueAt - performance.now());
      const sending = this.send(this.next(dueAt)).finally(() => this.underWay.delete(sending));
      this.underWay.add(sending);
    }
  }

  private next(at: number): Published {
    const { lane, type } = this.options;
    const eventId = newId();
    const payload = JSON.stringify({ n: this.made++, order: `order-${eventId}`, note: 'x'.repeat(200) });
    this.bodies.set(eventId, `{"id":"${eventId}","type":"${type}","payload":${payload}}`);
    const event: Published = {
      eventId,
      payloadHash: hashOf(payload),
      lane,
      at,
      expected: this.options.expected ?? 'delivered',
      outcome: 'unknown',
      deliveryIds: [],
    };
    this.published.push(event);
    return event;
  }

  private async send(event: Published): Promise<void> {
    try {
      const { statusCode, body } = await request(`${this.options.apiUrl()}/v1/events`, {
        dispatcher: this.agent,
        method: 'POST',
        headers: { authorization: `Bearer ${this.options.token}`, 'content-type': 'application/json' },
        body: this.bodies.get(event.eventId) ?? '',
        signal: AbortSignal.timeout(answerMs),
      });
      const text = await body.text();
      if (statusCode === 202 || statusCode === 200) {
        event.outcome = 'accepted';
        event.deliveryIds = (JSON.parse(text) as { data: { delivery_ids: string[] } }).data.delivery_ids;
      } else if (statusCode < 500) {
        event.outcome = 'refused';
        event.refusal = `${statusCode} ${(JSON.parse(text) as { error?: { code?: string } }).error?.code}`;
      }
    } catch {
      // Cut off, or not in time: unknown.
    }
  }
}
