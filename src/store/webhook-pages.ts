/**
 * A page of webhooks, newest first. What to filter by is SQL, because Prisma has no words for some of it
 * and sends constants as parameters, which no partial index can be chosen by.
 */
import { Prisma, type WebhookConfig } from './generated/client';

export interface WebhookPage {
  readonly limit: number;
  readonly offset: number;
}

/** @param conditions that all hold, on the columns of webhook_configs; deleted ones are left out anyway */
export async function readWebhookPage(
  tx: Pick<Prisma.TransactionClient, '$queryRaw' | 'webhookConfig'>,
  conditions: readonly Prisma.Sql[],
  { limit, offset }: WebhookPage,
): Promise<{ rows: WebhookConfig[]; total: number }> {
  const where = Prisma.join([Prisma.sql`deleted_at IS NULL`, ...conditions], ' AND ');
  const page = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM hook.webhook_configs WHERE ${where} ORDER BY id DESC LIMIT ${limit} OFFSET ${offset}`;
  const [counted] = await tx.$queryRaw<{ total: number }[]>`
    SELECT count(*)::integer AS total FROM hook.webhook_configs WHERE ${where}`;
  const rows = await tx.webhookConfig.findMany({
    where: { id: { in: page.map(({ id }) => id) } },
    orderBy: { id: 'desc' },
  });
  return { rows, total: counted?.total ?? 0 };
}
