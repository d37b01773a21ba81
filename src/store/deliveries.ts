/** Reading deliveries and their attempts back, newest first, one tenant at a time. */
import type { Pool } from 'pg';
import { EverhookError } from '../domain/errors';
import type { DeliveryStatus, EndReason } from '../domain/delivery-state';
import { idAfter, idBefore } from './id-bounds';
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

/**
 * The filter whose index a list follows. Its column leads the order and stands in a range, not in an
 * equation: that leaves the planner this index only. It takes all filters for evenly spread over time,
 * and would look for a status that was last seen a million deliveries ago by walking all of them.
 */
function leadOf({ eventId, status, webhookId, eventType }: DeliveryFilter): { column?: string; value?: string } {
  // An event has a few deliveries. Those that succeeded are no rare find, and have no index of their own.
  if (eventId !== undefined) return {};
  if (status !== undefined && status !== 'SUCCESS') return { column: 'status', value: status };
  if (webhookId !== undefined) return { column: 'webhook_id', value: webhookId };
  if (eventType !== undefined) return { column: 'event_type_key', value: eventType.toLowerCase() };
  return {};
}

/** An id tells roughly when it was made, and it is ids that the indexes are sorted by. */
function idBounds({ from, to, before }: DeliveryFilter): { low: string; high: string } {
  // No ULID begins with a letter.
  const end = to ? idAfter(to) : 'Z';
  return { low: from ? idBefore(from) : '', high: before !== undefined && before < end ? before : end };
}

export function createDeliveries(pool: Pool): Deliveries {
  return {
    list: (tenantId, filter) =>
      withTenantClient(pool, tenantId, async (client) => {
        const conditions = ['tenant_id = $1'];
        const values: unknown[] = [tenantId];
        const bind = (value: unknown): string => `$${values.push(value)}`;
        const where = (condition: string, value: unknown): void => {
          if (value !== undefined) conditions.push(`${condition} ${bind(value)}`);
        };
        const by = leadOf(filter);
        if (by.column !== 'webhook_id') where('webhook_id =', filter.webhookId);
        where('event_id =', filter.eventId);
        if (by.column !== 'event_type_key') where('event_type_key =', filter.eventType?.toLowerCase());
        if (by.column === 'status') conditions.push("status <> 'SUCCESS'");
        else where('status =', filter.status);
        where('created_at >=', filter.from);
        where('created_at <', filter.to);

        const { low, high } = idBounds(filter);
        const row = by.column === undefined ? ['id'] : [by.column, 'id'];
        const bound = (id: string) => (by.column === undefined ? bind(id) : `${bind(by.value)}, ${bind(id)}`);
        conditions.push(`(${row.join()}) >= (${bound(low)})`, `(${row.join()}) < (${bound(high)})`);
        const { rows } = await client.query<Delivery>(
          `SELECT ${deliveryColumns()} FROM hook.deliveries WHERE ${conditions.join(' AND ')}
           ORDER BY ${row.map((name) => `${name} DESC`).join()} LIMIT ${bind(filter.limit + 1)}`,
          values,
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
