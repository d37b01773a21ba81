/**
 * This process's connection to Temporal. The API accepts events while Temporal is away, so connecting
 * goes on in the background until it succeeds; afterwards the connection mends itself.
 */
import type { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from '../telemetry/logger';
import { createTemporalClient, startDelivery, type DeliveryStart } from './client';
import { ensureSearchAttributes } from './namespace';

export interface TemporalLinkOptions {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly log: Logger;
}

interface Linked {
  readonly connection: NativeConnection;
  readonly client: Client;
  readonly withSearchAttributes: boolean;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;

export class TemporalLink {
  /** Set by the worker of this process: only then can the first task come with the start. */
  eager = false;
  private linked: Linked | undefined;
  private closed = false;
  private readonly closing = new AbortController();
  private connecting: Promise<Linked | undefined> | undefined;

  constructor(private readonly options: TemporalLinkOptions) {}

  /** @returns the connection once there is one, or undefined when the link was closed before */
  connect(): Promise<NativeConnection | undefined> {
    this.connecting ??= this.connectUntilClosed();
    return this.connecting.then((linked) => linked?.connection);
  }

  /** @throws Error while Temporal has not been reached yet, or the client's error */
  start(start: DeliveryStart): Promise<'eager' | 'queued' | 'exists'> {
    const { client, withSearchAttributes } = this.require();
    return startDelivery(client, start, { taskQueue: this.options.taskQueue, eager: this.eager, withSearchAttributes });
  }

  get client(): Client {
    return this.require().client;
  }

  /** @throws whatever tells that the server does not answer */
  async check(): Promise<void> {
    const { connection } = this.require();
    await connection.withDeadline(Date.now() + 2_000, () => connection.workflowService.getSystemInfo({}));
  }

  async close(): Promise<void> {
    this.closed = true;
    this.closing.abort();
    await this.connecting;
    await this.linked?.connection.close();
  }

  private require(): Linked {
    if (!this.linked) throw new Error('Temporal has not been reached yet');
    return this.linked;
  }

  private async connectUntilClosed(): Promise<Linked | undefined> {
    const { address, namespace, log } = this.options;
    for (let pauseMs = firstPauseMs; !this.closed; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      try {
        const connection = await NativeConnection.connect({ address });
        const withSearchAttributes = await ensureSearchAttributes(connection, namespace, log);
        this.linked = { connection, client: createTemporalClient(connection, namespace), withSearchAttributes };
        return this.linked;
      } catch (error) {
        log.warn({ event: 'temporal.unreachable', address, err: error });
        await pause(pauseMs, this.closing.signal);
      }
    }
    return undefined;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
