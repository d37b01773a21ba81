/** GET /health and /ready: for probes, with their own shapes. Health is being alive; ready is being able to serve. */
import { Type } from 'typebox';
import type { Health } from '../../../health';
import { version } from '../../../version';
import type { App } from '../../http';

const Check = Type.Enum(['ok', 'down']);
const ChecksView = Type.Object({ database: Check, temporal: Check, kms: Check });

const healthSchema = {
  operationId: 'getHealth',
  summary: 'Whether the process lives',
  response: {
    200: Type.Object({
      status: Type.Literal('healthy'),
      version: Type.String({ examples: [version] }),
      checks: ChecksView,
    }),
  },
};

const Readiness = Type.Object({ status: Type.Enum(['ready', 'not_ready']), down: Type.Array(Type.String()) });
const readySchema = {
  operationId: 'getReadiness',
  summary: 'Whether the process can serve',
  response: { 200: Readiness, 503: Readiness },
};

export function probes(app: App, { health }: { health: Health }): void {
  app.get('/health', { schema: healthSchema, config: { access: 'public' } }, async () => ({
    status: 'healthy' as const,
    version,
    checks: await health.last(),
  }));

  app.get('/ready', { schema: readySchema, config: { access: 'public' } }, async (_request, reply) => {
    const checks = await health.check();
    const down = Object.entries(checks).flatMap(([name, result]) => (result === 'ok' ? [] : [name]));
    return reply
      .code(down.length === 0 ? 200 : 503)
      .send({ status: down.length === 0 ? ('ready' as const) : ('not_ready' as const), down });
  });
}
