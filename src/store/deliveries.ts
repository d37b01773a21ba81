/** Reading deliveries and their attempts back, newest first, one tenant at a time. */
import type { Pool } from 'pg';
import { EverhookError } from '../domain/errors';
import type { DeliveryStatus, EndReason } from '../domain/delivery-state';
import { idBounds } from './id-bounds';
import { keysetQuery, type KeysetQuery } from './keyset';
import { withTenantClient } from './tenant-scope';

export interface Delivery {
  readonly id: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly status: DeliveryStatus;
  readonly reason: EndReason | null;
  readonly attempts: number;
  readonly replayNo: number;
  readonly nextAttemptAt: Date | null;
  readonly lastStatusCode: number | null;
  readonly lastError: string | null;
  readonly createdAt: Date;
  readonly completedAt: Date | null;
}

export interface Attempt {
  readonly attemptNumber: number;
  readonly replayNo: number;
  readonly outcome: 'success' | 'retry' | 'permanent';
  readonly httpStatusCode: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly responseBodyPreview: string | null;
  readonly durationMs: number;
  readonly attemptedAt: Date;
}

export interface DeliveryFilter {
  readonly webhookId?: string | undefined;
  readonly eventId?: string | undefined;
  readonly eventType?: string | undefined;
  readonly status?: DeliveryStatus | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly limit: number;
  /** Id of the last delivery of the page before. */
  readonly before?: string | undefined;
}

export interface AttemptPage {
  readonly limit: number;
  /** Number of the last attempt of the page before. */
  readonly before?: number | undefined;
}

export interface Deliveries {
  /** @returns up to `limit` + 1 deliveries; the last one only tells that there are more */
  list(tenantId: string, filter: DeliveryFilter): Promise<Delivery[]>;
  /** @throws NOT_FOUND */
  get(tenantId: string, id: string): Promise<Delivery>;
  /** @returns up to `limit` + 1 attempts @throws NOT_FOUND */
  attempts(tenantId: string, id: string, page: AttemptPage): Promise<Attempt[]>;
}

/** @param of prefix of the table, where more than one is read */
export function deliveryColumns(of = ''): string {
  return deliveryFields.map(([column, field]) => `${of}${column} AS "${field}"`).join(', ');
}

const deliveryFields: readonly (readonly [column: string, field: keyof Delivery])[] = [
  ['id', 'id'],
  ['webhook_id', 'webhookId'],
  ['event_id', 'eventId'],
  ['event_type', 'eventType'],
  ['status', 'status'],
  ['reason', 'reason'],
  ['attempts', 'attempts'],
  ['replay_no', 'replayNo'],
  ['next_attempt_at', 'nextAttemptAt'],
  ['last_status_code', 'lastStatusCode'],
  ['last_error', 'lastError'],
  ['created_at', 'createdAt'],
  ['completed_at', 'completedAt'],
];

const attemptColumns = `attempt_number AS "attemptNumber", replay_no AS "replayNo", outcome,
  http_status_code AS "httpStatusCode", error_code AS "errorCode", error_message AS "errorMessage",
  response_body_preview AS "responseBodyPreview", duration_ms AS "durationMs", attempted_at AS "attemptedAt"`;

/** The filter whose index a list follows: see keyset.ts. */
function leadOf({ eventId, status, webhookId, eventType }: DeliveryFilter): KeysetQuery['lead'] {
  // An event has a few deliveries. Those that succeeded are no rare find, and have no index of their own.
  if (eventId !== undefined) return undefined;
  if (status !== undefined && status !== 'SUCCESS') return { column: 'status', value: status };
  if (webhookId !== undefined) return { column: 'webhook_id', value: webhookId };
  if (eventType !== undefined) return { column: 'event_type_key', value: eventType.toLowerCase() };
  return undefined;
}

/** All filters but the one that leads. */
function conditionsOf(filter: DeliveryFilter, lead: KeysetQuery['lead']): [condition: string, value: unknown][] {
  const { webhookId, eventId, eventType, status, from, to } = filter;
  const leading = (column: string): boolean => lead?.column === column;
  return [
    ['webhook_id =', leading('webhook_id') ? undefined : webhookId],
    ['event_id =', eventId],
    ['event_type_key =', leading('event_type_key') ? undefined : eventType?.toLowerCase()],
    ['status =', leading('status') ? undefined : status],
    ['created_at >=', from],
    ['created_at <', to],
  ];
}

export function createDeliveries(pool: Pool): Deliveries {
  return {
    list: (tenantId, filter) =>
      withTenantClient(pool, tenantId, async (client) => {
        const lead = leadOf(filter);
        const { low, high } = idBounds(filter);
        const { rows } = await client.query<Delivery>(
          keysetQuery({
            table: 'deliveries',
            columns: deliveryColumns(),
            tenantId,
            lead,
            key: ['id'],
            low: [low],
            high: [high],
            partial: lead?.column === 'status' ? "status <> 'SUCCESS'" : undefined,
            where: conditionsOf(filter, lead),
            limit: filter.limit,
          }),
        );
        return rows;
      }),

    get: (tenantId, id) =>
      withTenantClient(pool, tenantId, async (client) => {
        const { rows } = await client.query<Delivery>(
          `SELECT ${deliveryColumns()} FROM hook.deliveries WHERE tenant_id = $1 AND id = $2`,
          [tenantId, id],
        );
        if (!rows[0]) throw new EverhookError('NOT_FOUND', `no delivery ${id}`);
        return rows[0];
      }),

    attempts: (tenantId, id, { limit, before }) =>
      withTenantClient(pool, tenantId, async (client) => {
        const found = await client.query('SELECT 1 FROM hook.deliveries WHERE tenant_id = $1 AND id = $2', [
          tenantId,
          id,
        ]);
        if (found.rowCount === 0) throw new EverhookError('NOT_FOUND', `no delivery ${id}`);
        const { rows } = await client.query<Attempt>(
          `SELECT ${attemptColumns} FROM hook.delivery_attempts
           WHERE delivery_id = $1 AND tenant_id = $2 AND attempt_number < $3
           ORDER BY attempt_number DESC LIMIT $4`,
          [id, tenantId, before ?? 2 ** 31 - 1, limit + 1],
        );
        return rows;
      }),
  };
}
