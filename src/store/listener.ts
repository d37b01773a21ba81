/**
 * Listens to a channel of Postgres on a connection of its own, and connects again when that is lost. What was
 * told meanwhile is made up for by one call after each connection.
 */
import type { Pool, PoolClient } from 'pg';

const pauseMs = 1_000;

export class Listener {
  private client: PoolClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  private connecting: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly pool: Pool,
    private readonly channel: string,
    private readonly onFailed: (error: Error) => void,
  ) {}

  start(onTold: () => void): void {
    this.connecting = this.connect(onTold).catch((error: unknown) => this.again(onTold, error as Error));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.connecting;
    this.client?.release(true);
    this.client = undefined;
  }

  private async connect(onTold: () => void): Promise<void> {
    const client = await this.pool.connect();
    if (this.stopped) return client.release();
    this.client = client;
    client.on('notification', onTold);
    client.once('error', (error) => this.lost(client, onTold, error));
    try {
      await client.query(`LISTEN ${client.escapeIdentifier(this.channel)}`);
    } catch (error) {
      return this.lost(client, onTold, error as Error);
    }
    onTold();
  }

  private lost(client: PoolClient, onTold: () => void, error: Error): void {
    if (this.client !== client) return;
    this.client = undefined;
    client.release(true);
    this.again(onTold, error);
  }

  private again(onTold: () => void, error: Error): void {
    if (this.stopped) return;
    this.onFailed(error);
    this.timer = setTimeout(() => this.start(onTold), pauseMs);
  }
}
