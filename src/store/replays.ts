/** Replays of many deliveries of one webhook: asked for, listed, called off. replay-runs.ts works them off. */
import { EverhookError } from '../domain/errors';
import { newId } from '../domain/ids';
import type { ReplayFilter, ReplayState } from '../domain/replay';
import type { WebhookState } from '../domain/webhook-state';
import { writeAudit, type Actor } from './audit';
import { Prisma, type PrismaClient, type Replay as ReplayRow } from './generated/client';
import { matching } from './replay-matching';
import { withTenant, type TenantTransaction } from './tenant-scope';

export interface Replay {
  readonly id: string;
  readonly webhookId: string;
  readonly filter: ReplayFilter;
  readonly matched: number;
  readonly done: number;
  readonly failed: number;
  readonly state: ReplayState;
  readonly createdAt: Date;
  readonly completedAt: Date | null;
}

export interface NewReplay {
  readonly tenantId: string;
  readonly webhookId: string;
  readonly filter: ReplayFilter;
  readonly actor: Actor;
  /** The same key again opens no second replay. */
  readonly requestKey?: string | undefined;
}

/** Dead letters of any webhook of a tenant, by the time at which they became that. */
export interface DeadLetterSelection {
  readonly webhookId: string | undefined;
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly limit: number;
}

export interface Replays {
  /** @throws NOT_FOUND, INVALID_STATE when its webhook is disabled */
  count(tenantId: string, webhookId: string, filter: ReplayFilter): Promise<number>;
  /** @throws NOT_FOUND, INVALID_STATE when its webhook is disabled */
  open(replay: NewReplay): Promise<Replay>;
  /** Dead letters of webhooks that take deliveries. @throws NOT_FOUND without the webhook that is named */
  countDeadLetters(tenantId: string, selection: DeadLetterSelection): Promise<number>;
  /** One replay for each webhook that has some of them. @throws NOT_FOUND without the webhook that is named */
  openForDeadLetters(tenantId: string, selection: DeadLetterSelection, actor: Actor): Promise<Replay[]>;
  /** Newest first. @returns up to `limit` + 1; the last one only tells that there are more */
  list(tenantId: string, page: { readonly limit: number; readonly before: string | undefined }): Promise<Replay[]>;
  /** @throws NOT_FOUND */
  get(tenantId: string, id: string): Promise<Replay>;
  /** What was replayed by then goes on. @throws NOT_FOUND, INVALID_STATE when it has ended */
  cancel(tenantId: string, id: string, actor: Actor): Promise<Replay>;
}

export function createReplays(prisma: PrismaClient): Replays {
  return {
    count: (tenantId, webhookId, filter) =>
      withTenant(prisma, tenantId, async (tx) => {
        await requireTaking(tx, tenantId, webhookId);
        return countMatching(tx, webhookId, filter, new Date());
      }),

    open: (replay) => withTenant(prisma, replay.tenantId, (tx) => openReplay(tx, replay)),

    countDeadLetters: (tenantId, selection) =>
      withTenant(prisma, tenantId, async (tx) => {
        const counts = await countDeadLetters(tx, tenantId, selection);
        return counts.reduce((total, { matched }) => total + matched, 0);
      }),

    openForDeadLetters: (tenantId, selection, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        const askedAt = await timeOf(tx);
        const counted: (NewReplay & { matched: number })[] = [];
        for (const { webhookId, matched: limit } of await countDeadLetters(tx, tenantId, selection)) {
          const filter = { ...deadLetterFilter(selection), limit };
          const matched = await countMatching(tx, webhookId, filter, askedAt);
          counted.push({ tenantId, webhookId, filter, actor, matched });
        }
        const taking = await lockTaking(
          tx,
          tenantId,
          counted.map(({ webhookId }) => webhookId),
        );
        const replays: Replay[] = [];
        for (const { matched, ...replay } of counted) {
          if (taking.has(replay.webhookId)) replays.push(await writeReplay(tx, replay, askedAt, matched));
        }
        return replays;
      }),

    list: (tenantId, { limit, before }) =>
      withTenant(prisma, tenantId, async (tx) => {
        const where = { tenantId, ...(before !== undefined && { id: { lt: before } }) };
        const rows = await tx.replay.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1 });
        return rows.map(toReplay);
      }),

    get: (tenantId, id) => withTenant(prisma, tenantId, async (tx) => toReplay(await find(tx, tenantId, id))),

    cancel: (tenantId, id, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await tx.$queryRaw`SELECT 1 FROM hook.replays WHERE id = ${id} AND tenant_id = ${tenantId} FOR NO KEY UPDATE`;
        const { state, webhookId } = await find(tx, tenantId, id);
        if (state !== 'pending' && state !== 'running') {
          throw new EverhookError('INVALID_STATE', `cancel of replay ${id}, which is ${state}`, {
            publicMessage: `The replay is ${state}; it cannot be cancelled any more.`,
          });
        }
        const [row] = await tx.replay.updateManyAndReturn({
          where: { id },
          data: { state: 'cancelled', completedAt: new Date() },
        });
        if (!row) throw notFound(id);
        await writeAudit(tx, {
          tenantId,
          action: 'webhook.replay_cancelled',
          actor,
          target: `webhook:${webhookId}`,
          details: { replay_id: id, done: row.done, matched: row.matched },
        });
        return toReplay(row);
      }),
  };
}

async function openReplay(tx: TenantTransaction, replay: NewReplay): Promise<Replay> {
  const { tenantId, webhookId, filter, requestKey } = replay;
  const before = requestKey === undefined ? null : await tx.replay.findUnique({ where: { requestKey } });
  if (before) return toReplay(before);
  await requireTaking(tx, tenantId, webhookId);
  const askedAt = await timeOf(tx);
  const matched = await countMatching(tx, webhookId, filter, askedAt);
  const taking = await lockTaking(tx, tenantId, [webhookId]);
  // It has been disabled or deleted while they were counted.
  if (!taking.has(webhookId)) await requireTaking(tx, tenantId, webhookId);
  return writeReplay(tx, replay, askedAt, matched);
}

async function writeReplay(
  tx: TenantTransaction,
  { tenantId, webhookId, filter, actor, requestKey }: NewReplay,
  askedAt: Date,
  matched: number,
): Promise<Replay> {
  const row = await tx.replay.create({
    data: {
      id: newId(),
      tenantId,
      webhookId,
      filter: filter as unknown as Prisma.InputJsonObject,
      matched,
      requestKey: requestKey ?? null,
      createdAt: askedAt,
    },
  });
  await writeAudit(tx, {
    tenantId,
    action: 'webhook.replayed',
    actor,
    target: `webhook:${webhookId}`,
    details: { replay_id: row.id, matched: row.matched, filter: row.filter as Prisma.InputJsonObject },
  });
  return toReplay(row);
}

/** Also the bound of what is replayed, so it must be the clock by which deliveries end. */
async function timeOf(tx: TenantTransaction): Promise<Date> {
  const [{ now }] = await tx.$queryRaw<[{ now: Date }]>`SELECT now()`;
  return now;
}

/**
 * Those of the webhooks that are not disabled, and cannot be until the transaction ends. Attempts that fail
 * cannot be recorded meanwhile either, so deliveries are counted before.
 */
async function lockTaking(
  tx: TenantTransaction,
  tenantId: string,
  webhookIds: readonly string[],
): Promise<ReadonlySet<string>> {
  // In one order, as attempts lock them.
  const rows = await tx.$queryRaw<{ id: string; state: WebhookState }[]>`
    SELECT id, state FROM hook.webhook_configs
    WHERE id = ANY(${[...webhookIds]}) AND tenant_id = ${tenantId} AND deleted_at IS NULL ORDER BY id FOR SHARE`;
  return new Set(rows.filter(({ state }) => state !== 'disabled').map(({ id }) => id));
}

/** A replay of a paused webhook waits with it. */
async function requireTaking(tx: TenantTransaction, tenantId: string, webhookId: string): Promise<void> {
  const [row] = await tx.$queryRaw<{ state: WebhookState }[]>`
    SELECT state FROM hook.webhook_configs
    WHERE id = ${webhookId} AND tenant_id = ${tenantId} AND deleted_at IS NULL`;
  if (!row) throw new EverhookError('NOT_FOUND', `no webhook ${webhookId}`);
  if (row.state === 'disabled') {
    throw new EverhookError('INVALID_STATE', `replay of disabled webhook ${webhookId}`, {
      publicMessage: 'The webhook is disabled; enable it first.',
    });
  }
}

/** Of the oldest dead letters, how many each webhook has that is not disabled. */
async function countDeadLetters(
  tx: TenantTransaction,
  tenantId: string,
  { webhookId, from, to, limit }: DeadLetterSelection,
): Promise<{ webhookId: string; matched: number }[]> {
  const named = webhookId === undefined ? Prisma.empty : Prisma.sql`AND id = ${webhookId}`;
  const webhooks = await tx.$queryRaw<{ id: string; state: WebhookState }[]>`
    SELECT id, state FROM hook.webhook_configs WHERE tenant_id = ${tenantId} AND deleted_at IS NULL ${named}`;
  if (webhookId !== undefined && webhooks.length === 0) {
    throw new EverhookError('NOT_FOUND', `no webhook ${webhookId}`);
  }
  const taking = webhooks.filter(({ state }) => state !== 'disabled').map(({ id }) => id);
  return tx.$queryRaw`
    SELECT webhook_id AS "webhookId", count(*)::integer AS matched FROM (
      SELECT webhook_id FROM hook.deliveries
      WHERE tenant_id = ${tenantId} AND status = 'DEAD_LETTER' AND resolved_at IS NULL
        AND webhook_id = ANY(${taking})
        ${from === undefined ? Prisma.empty : Prisma.sql`AND completed_at >= ${from}`}
        ${to === undefined ? Prisma.empty : Prisma.sql`AND completed_at < ${to}`}
      ORDER BY completed_at, id LIMIT ${limit}
    ) oldest GROUP BY webhook_id ORDER BY webhook_id`;
}

function deadLetterFilter({ from, to, limit }: DeadLetterSelection): ReplayFilter {
  return {
    since: null,
    until: null,
    dead_lettered_from: from?.toISOString() ?? null,
    dead_lettered_to: to?.toISOString() ?? null,
    status: 'DEAD_LETTER',
    event_types: null,
    limit,
  };
}

async function countMatching(
  tx: TenantTransaction,
  webhookId: string,
  filter: ReplayFilter,
  askedAt: Date,
): Promise<number> {
  const { text, values } = matching(webhookId, filter, askedAt, '');
  const [counted] = await tx.$queryRawUnsafe<[{ matched: number }]>(
    `SELECT count(*)::integer AS matched FROM (
       SELECT 1 FROM hook.deliveries d WHERE ${text} ORDER BY d.id LIMIT $${values.length + 1}
     ) matching`,
    ...values,
    filter.limit,
  );
  return counted.matched;
}

async function find(tx: TenantTransaction, tenantId: string, id: string): Promise<ReplayRow> {
  const row = await tx.replay.findFirst({ where: { id, tenantId } });
  if (!row) throw notFound(id);
  return row;
}

function notFound(id: string): EverhookError {
  return new EverhookError('NOT_FOUND', `no replay ${id}`);
}

function toReplay(row: ReplayRow): Replay {
  return {
    id: row.id,
    webhookId: row.webhookId,
    filter: row.filter as unknown as ReplayFilter,
    matched: row.matched,
    done: row.done,
    failed: row.failed,
    state: row.state as ReplayState,
    createdAt: row.createdAt,
    completedAt: row.completedAt,
  };
}
