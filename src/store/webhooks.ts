/**
 * Webhook configurations of a tenant. Secrets and custom headers are sealed before they come here
 * and are never read back by this file; the state has its own writer (webhook-state.ts).
 */
import { EverhookError } from '../domain/errors';
import type { Lane } from '../domain/lane';
import type { RetryPolicy } from '../domain/retry-policy';
import type { StateAction, WebhookState } from '../domain/webhook-state';
import { writeAudit, type Actor } from './audit';
import { Prisma, type PrismaClient, type WebhookConfig } from './generated/client';
import { requireTenant, withTenant } from './tenant-scope';
import { webhookCreated, webhookDeleted, webhookUpdated } from './webhook-audit';
import { readWebhookPage, type WebhookPage } from './webhook-pages';
import { changeWebhookState, refusingOneTooMany } from './webhook-state';

export interface Webhook {
  readonly id: string;
  readonly tenantId: string;
  readonly url: string;
  readonly description: string | null;
  readonly eventTypes: readonly string[];
  readonly channel: string | null;
  readonly state: WebhookState;
  readonly stateReason: string | null;
  readonly headerNames: readonly string[];
  readonly retryPolicy: RetryPolicy;
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  readonly ttlSeconds: number;
  readonly maxQueueSize: number;
  readonly lane: Lane;
  readonly apiVersion: string;
  readonly signingAlgorithm: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a client may set; the sealed fields come as ciphertext. */
export interface WebhookSettings {
  readonly url: string;
  readonly description: string | null;
  readonly eventTypes: string[];
  readonly channel: string | null;
  readonly retryPolicy: RetryPolicy;
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  readonly ttlSeconds: number;
  readonly maxQueueSize: number;
  readonly lane: Lane;
  readonly secretEnc: Buffer;
  readonly headersEnc: Buffer | null;
  readonly headerNames: string[];
}

/** A secret is rotated instead: see webhook-secrets.ts. */
export type WebhookChange = Partial<Omit<WebhookSettings, 'secretEnc'>>;

export interface WebhookFilter extends WebhookPage {
  readonly ids?: string[] | undefined;
  /** Compared without regard to case, as types are. */
  readonly events?: string[] | undefined;
  readonly states?: WebhookState[] | undefined;
}

export interface Webhooks {
  /** @throws MAX_WEBHOOKS_EXCEEDED, UNAUTHORIZED when the tenant was deleted */
  create(tenantId: string, id: string, settings: WebhookSettings, enabled: boolean, actor: Actor): Promise<Webhook>;
  /** @throws NOT_FOUND */
  get(tenantId: string, id: string): Promise<Webhook>;
  list(tenantId: string, filter: WebhookFilter): Promise<{ webhooks: Webhook[]; total: number }>;
  /**
   * Changes settings and, when `enabled` is given, the state, in one transaction.
   * `check` sees the webhook as it would become and may refuse by throwing.
   * @throws NOT_FOUND, MAX_WEBHOOKS_EXCEEDED
   */
  update(
    tenantId: string,
    id: string,
    change: { settings: WebhookChange; enabled?: boolean | undefined; check: (next: Webhook) => void },
    actor: Actor,
  ): Promise<{ webhook: Webhook; stateChanged: boolean }>;
  /**
   * Pauses, resumes, disables or enables it.
   * @returns the webhook, and whether anything changed: repeating an action changes nothing
   * @throws NOT_FOUND, INVALID_STATE, MAX_WEBHOOKS_EXCEEDED
   */
  changeState(
    tenantId: string,
    id: string,
    change: { readonly action: StateAction; readonly reason: string },
    actor: Actor,
  ): Promise<{ webhook: Webhook; changed: boolean }>;
  /** Soft: attempts stay readable; open deliveries end CANCELLED. @throws NOT_FOUND */
  delete(tenantId: string, id: string, actor: Actor): Promise<void>;
}

export function createWebhooks(prisma: PrismaClient): Webhooks {
  return {
    create: (tenantId, id, settings, enabled, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await requireTenant(tx, tenantId);
        const row = await refusingOneTooMany(() =>
          tx.webhookConfig.create({
            data: {
              id,
              tenantId,
              ...toColumns(settings),
              url: settings.url,
              secretEnc: new Uint8Array(settings.secretEnc),
              ...(enabled ? {} : { state: 'disabled', stateReason: 'manual' }),
            },
          }),
        );
        const webhook = toWebhook(row);
        await writeAudit(tx, webhookCreated(webhook, actor));
        return webhook;
      }),

    get: (tenantId, id) => withTenant(prisma, tenantId, async (tx) => toWebhook(await find(tx, tenantId, id))),

    list: (tenantId, filter) =>
      withTenant(prisma, tenantId, async (tx) => {
        const { rows, total } = await readWebhookPage(tx, conditionsOf(tenantId, filter), filter);
        return { webhooks: rows.map(toWebhook), total };
      }),

    update: (tenantId, id, { settings, enabled, check }, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await lock(tx, tenantId, id);
        const before = toWebhook(await find(tx, tenantId, id));
        check({ ...before, ...settings });
        if (Object.keys(settings).length > 0) {
          await tx.webhookConfig.update({ where: { id }, data: toColumns(settings) });
          await writeAudit(tx, webhookUpdated(before, settings, actor));
        }
        let stateChanged = false;
        if (enabled !== undefined) {
          const change = { tenantId, webhookId: id, action: enabled ? 'enable' : 'disable', reason: 'manual' } as const;
          stateChanged = (await changeWebhookState(tx, { ...change, actor })).changed;
        }
        return { webhook: toWebhook(await find(tx, tenantId, id)), stateChanged };
      }),

    changeState: (tenantId, id, { action, reason }, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        const { changed } = await changeWebhookState(tx, { tenantId, webhookId: id, action, reason, actor });
        return { webhook: toWebhook(await find(tx, tenantId, id)), changed };
      }),

    delete: (tenantId, id, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await lock(tx, tenantId, id);
        const webhook = await find(tx, tenantId, id);
        await tx.webhookConfig.update({
          where: { id },
          data: { deletedAt: new Date(), stateVersion: { increment: 1 } },
        });
        await writeAudit(tx, webhookDeleted(tenantId, webhook, actor));
      }),
  };
}

function conditionsOf(tenantId: string, { ids, events, states }: WebhookFilter): Prisma.Sql[] {
  const conditions = [Prisma.sql`tenant_id = ${tenantId}`];
  if (ids) conditions.push(Prisma.sql`id = ANY (${ids})`);
  if (states) conditions.push(Prisma.sql`state = ANY (${states})`);
  if (events) {
    const types = events.map((type) => type.toLowerCase());
    conditions.push(
      Prisma.sql`EXISTS (SELECT 1 FROM unnest(event_types) AS filter (type) WHERE lower(filter.type) = ANY (${types}))`,
    );
  }
  return conditions;
}

/** Two changes of one webhook come one after the other, so that `check` judges what will be stored. */
async function lock(tx: Prisma.TransactionClient, tenantId: string, id: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM hook.webhook_configs WHERE id = ${id} AND tenant_id = ${tenantId} FOR UPDATE`;
}

async function find(tx: Prisma.TransactionClient, tenantId: string, id: string): Promise<WebhookConfig> {
  const row = await tx.webhookConfig.findFirst({ where: { id, tenantId, deletedAt: null } });
  if (!row) throw new EverhookError('NOT_FOUND', `no webhook ${id}`);
  return row;
}

function toColumns({ secretEnc, headersEnc, retryPolicy, ...plain }: Partial<WebhookSettings>) {
  return {
    ...plain,
    ...(retryPolicy !== undefined && { retryPolicy: retryPolicy as Prisma.InputJsonValue }),
    ...(secretEnc !== undefined && { secretEnc: new Uint8Array(secretEnc) }),
    ...(headersEnc !== undefined && { headersEnc: headersEnc && new Uint8Array(headersEnc) }),
  };
}

export function toWebhook(row: WebhookConfig): Webhook {
  return {
    id: row.id,
    tenantId: row.tenantId,
    url: row.url,
    description: row.description,
    eventTypes: row.eventTypes,
    channel: row.channel,
    state: row.state as WebhookState,
    stateReason: row.stateReason,
    headerNames: row.headerNames,
    retryPolicy: row.retryPolicy as unknown as RetryPolicy,
    timeoutMs: row.timeoutMs,
    maxInFlight: row.maxInFlight,
    ttlSeconds: row.ttlSeconds,
    maxQueueSize: row.maxQueueSize,
    lane: row.lane as Lane,
    apiVersion: row.apiVersion,
    signingAlgorithm: row.signingAlgorithm,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
