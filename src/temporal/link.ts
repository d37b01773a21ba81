/**
 * This process's connection to Temporal. The API accepts events while Temporal is away, so connecting
 * goes on in the background until it succeeds; afterwards the connection mends itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import type { WebhookIds } from '../domain/ids';
import type { Logger } from '../telemetry/logger';
import {
  createTemporalClient,
  isTerminated,
  isUnknownSearchAttribute,
  signalDelivery,
  startDelivery,
  terminatedSince,
  type DeliverySignal,
  type DeliveryStart,
  type StartResult,
} from './client';
import type { ConnectionSecurity } from './connection-security';
import { ensureControl, pokeControl, runningControls, type ControlOptions } from './control';
import { ensureSearchAttributes, searchAttributeCommand } from './namespace';
import { ensureRetentionSchedule } from './retention-schedule';
import { taskQueueBacklog, type TaskType } from './task-queue-backlog';

export interface TemporalLinkOptions {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly security?: ConnectionSecurity;
  readonly dataConverter?: DataConverter | undefined;
  readonly log: Logger;
}

interface Linked {
  readonly connection: NativeConnection;
  readonly client: Client;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;

/** A server may take a minute to know of attributes that have been registered. */
const attributesUnknownMs = 60_000;

export class TemporalLink {
  /** Set by the worker of this process: only then can the first task come with the start. */
  eager = false;
  private attributesUnknownUntil = 0;
  private linked: Linked | undefined;
  private connecting: Promise<void> | undefined;
  private readonly closing = new AbortController();

  constructor(private readonly options: TemporalLinkOptions) {}

  /** @returns the connection once there is one, or undefined when the link was closed before */
  async connect(): Promise<NativeConnection | undefined> {
    this.connecting ??= this.connectUntilClosed();
    await Promise.race([this.connecting, whenAborted(this.closing.signal)]);
    return this.linked?.connection;
  }

  /** @throws Error while Temporal has not been reached yet, or the client's error */
  async start(start: DeliveryStart): Promise<StartResult> {
    const { eager } = this;
    return this.withAttributes((client, options) => startDelivery(client, start, { ...options, eager }));
  }

  /** @throws Error as `start` does */
  async pokeControl(webhook: WebhookIds): Promise<void> {
    return this.withAttributes((client, options) => pokeControl(client, webhook, options));
  }

  /** @throws Error as `start` does */
  async ensureControl(webhook: WebhookIds): Promise<void> {
    return this.withAttributes((client, options) => ensureControl(client, webhook, options));
  }

  /** @throws Error as `start` does, or what the server says that forbids schedules */
  async ensureRetention(): Promise<void> {
    return ensureRetentionSchedule(this.require().client, this.options.taskQueue);
  }

  /** @throws Error as `start` does */
  async runningControls(): Promise<Set<string>> {
    return runningControls(this.require().client);
  }

  /** @returns false when no run of it is open @throws Error as `start` does */
  async signal(deliveryId: string, signal: DeliverySignal): Promise<boolean> {
    return signalDelivery(this.require().client, deliveryId, signal);
  }

  /** @throws Error as `start` does */
  async terminatedSince(since: Date): Promise<string[]> {
    return terminatedSince(this.require().client, since);
  }

  /** @throws Error as `start` does */
  async isTerminated(deliveryId: string): Promise<boolean> {
    return isTerminated(this.require().client, deliveryId);
  }

  get client(): Client {
    return this.require().client;
  }

  /** @throws Error as `start` does */
  async backlog(type: TaskType): Promise<number> {
    const { namespace, taskQueue } = this.options;
    return taskQueueBacklog(this.require().connection, namespace, taskQueue, type);
  }

  /** @throws whatever tells that the server does not answer */
  async check(): Promise<void> {
    const { connection } = this.require();
    await connection.withDeadline(Date.now() + 2_000, () => connection.workflowService.getSystemInfo({}));
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.linked?.connection.close();
  }

  /** A server that does not know the search attributes refuses a start; it goes on without them for a while. */
  private async withAttributes<T>(start: (client: Client, options: ControlOptions) => Promise<T>): Promise<T> {
    const { client } = this.require();
    const { taskQueue, namespace, log } = this.options;
    const withSearchAttributes = performance.now() >= this.attributesUnknownUntil;
    try {
      return await start(client, { taskQueue, withSearchAttributes });
    } catch (error) {
      if (!withSearchAttributes || !isUnknownSearchAttribute(error)) throw error;
      this.attributesUnknownUntil = performance.now() + attributesUnknownMs;
      log.warn({ event: 'temporal.search_attributes_missing', command: searchAttributeCommand(namespace) });
      return start(client, { taskQueue, withSearchAttributes: false });
    }
  }

  private require(): Linked {
    if (!this.linked) throw new Error('Temporal has not been reached yet');
    return this.linked;
  }

  private async connectUntilClosed(): Promise<void> {
    const { address, namespace, security, log } = this.options;
    const { signal } = this.closing;
    for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      let connection: NativeConnection | undefined;
      try {
        connection = await NativeConnection.connect({ address, ...security });
        // The link was closed while the server made up its mind.
        if (signal.aborted) return await connection.close();
        await ensureSearchAttributes(connection, namespace, log);
        // Or while it was asked: nobody else would close the connection then.
        if (signal.aborted) return await connection.close();
        this.linked = { connection, client: createTemporalClient(connection, namespace, this.options.dataConverter) };
        return;
      } catch (error) {
        // The next try has a connection of its own.
        await connection?.close().catch(() => {});
        log.warn({ event: 'temporal.unreachable', address, err: error });
        await delay(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
