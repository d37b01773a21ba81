/**
 * What accepting is measured against: Fastify with nothing but a route that writes one event and one delivery in
 * one transaction, into the same tables by the same role. No validation, no credentials, no log.
 */
import fastify from 'fastify';
import type { PoolClient } from 'pg';
import { newId } from '../../src/domain/ids';
import { createPool } from '../../src/store/pool';
import { reportReady } from './server-process';

interface Body {
  readonly type: string;
  readonly payload: unknown;
}

const { DATABASE_WORKER_URL: databaseUrl = '', TENANT: tenant = '', WEBHOOK: webhook = '' } = process.env;

async function main(): Promise<void> {
  const pool = createPool({ url: databaseUrl, name: 'bare', min: 5, max: 20, onLost: () => undefined });
  const app = fastify();

  app.post<{ Body: Body }>('/transaction', async ({ body }, reply) => {
    const [eventId, deliveryId] = [newId(), newId()];
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await insertEvent(client, eventId, body);
      await insertDelivery(client, deliveryId, eventId, body);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    return reply.code(202).send({ id: eventId, delivery_ids: [deliveryId] });
  });

  // The least that it can cost: one round trip for both rows.
  app.post<{ Body: Body }>('/statement', async ({ body }, reply) => {
    const [eventId, deliveryId] = [newId(), newId()];
    await pool.query({
      name: 'both',
      text: `WITH event AS (
               INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash)
               VALUES ($1, $2, $3, $4, '')
             )
             INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at)
             VALUES ($5, $1, $6, $2, $3, 'PENDING', now() + interval '1 day')`,
      values: [tenant, eventId, body.type, JSON.stringify(body.payload), deliveryId, webhook],
    });
    return reply.code(202).send({ id: eventId, delivery_ids: [deliveryId] });
  });

  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  reportReady(url, async () => {
    await app.close();
    await pool.end();
  });
}

function insertEvent(client: PoolClient, id: string, { type, payload }: Body) {
  return client.query({
    name: 'event',
    text: `INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash) VALUES ($1, $2, $3, $4, '')`,
    values: [tenant, id, type, JSON.stringify(payload)],
  });
}

function insertDelivery(client: PoolClient, id: string, eventId: string, { type }: Body) {
  return client.query({
    name: 'delivery',
    text: `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at)
           VALUES ($1, $2, $3, $4, $5, 'PENDING', now() + interval '1 day')`,
    values: [id, tenant, webhook, eventId, type],
  });
}

void main();
