/** Webhooks of whatever tenant, for the admin. It crosses tenants, so it runs as the worker's role. */
import { EverhookError } from '../domain/errors';
import { Prisma, type PrismaClient } from './generated/client';
import { unhealthySql } from './overview';
import { readWebhookPage, type WebhookPage } from './webhook-pages';
import type { WebhookState } from '../domain/webhook-state';
import { toWebhook, type Webhook } from './webhooks';

export interface AllWebhooksFilter extends WebhookPage {
  readonly tenantId?: string | undefined;
  readonly state?: WebhookState | undefined;
  readonly unhealthy?: boolean | undefined;
}

export interface WebhookHealth {
  readonly tenantName: string;
  /** Attempts that have failed since the last one that succeeded. */
  readonly consecutiveFailures: number;
  readonly failingSince: Date | null;
}

export interface AllWebhooks {
  list(filter: AllWebhooksFilter): Promise<{ webhooks: Webhook[]; total: number }>;
  /** @throws NOT_FOUND */
  get(id: string): Promise<{ webhook: Webhook; health: WebhookHealth }>;
}

/** Literally, for a plan that knows how many there are. */
const inState: Readonly<Record<WebhookState, Prisma.Sql>> = {
  active: Prisma.sql`state = 'active'`,
  paused: Prisma.sql`state = 'paused'`,
  disabled: Prisma.sql`state = 'disabled'`,
};

export function createAllWebhooks(workerPrisma: PrismaClient): AllWebhooks {
  return {
    async list({ tenantId, state, unhealthy, ...page }) {
      const conditions: Prisma.Sql[] = [];
      if (tenantId !== undefined) conditions.push(Prisma.sql`tenant_id = ${tenantId}`);
      if (state !== undefined) conditions.push(inState[state]);
      if (unhealthy === true) conditions.push(Prisma.raw(unhealthySql));
      if (unhealthy === false) conditions.push(Prisma.raw(`${unhealthySql} IS NOT TRUE`));
      const { rows, total } = await readWebhookPage(workerPrisma, conditions, page);
      return { webhooks: rows.map(toWebhook), total };
    },

    async get(id) {
      const row = await workerPrisma.webhookConfig.findFirst({
        where: { id, deletedAt: null },
        include: { tenant: { select: { name: true } } },
      });
      if (!row) throw new EverhookError('NOT_FOUND', `no webhook ${id}`);
      const { consecutiveFailures, failingSince } = row;
      return { webhook: toWebhook(row), health: { tenantName: row.tenant.name, consecutiveFailures, failingSince } };
    },
  };
}
