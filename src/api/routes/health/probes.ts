/** GET /health and /ready: for probes, with their own shapes. Health is being alive; ready is being able to serve. */
import { Type } from 'typebox';
import type { CheckName, Health } from '../../../health';
import { version } from '../../../version';
import type { App } from '../../http';
import { errors } from '../../schemas/common';

const checkNames: CheckName[] = ['database', 'temporal', 'kms'];
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
  querystring: Type.Object(
    {
      needs: Type.Optional(
        Type.Enum(checkNames, {
          description: 'Asks for this alone. Events are accepted as long as the database is there.',
          examples: ['database'],
        }),
      ),
    },
    { additionalProperties: false },
  ),
  response: { 200: Readiness, 503: Readiness, ...errors(400) },
};

export function probes(app: App, { health }: { health: Health }): void {
  app.get('/health', { schema: healthSchema, config: { access: 'public' } }, async () => ({
    status: 'healthy' as const,
    version,
    checks: await health.last(),
  }));

  app.get('/ready', { schema: readySchema, config: { access: 'public' } }, async ({ query }, reply) => {
    const checks = await health.check();
    const asked = query.needs === undefined ? checkNames : [query.needs];
    const down = asked.filter((name) => checks[name] === 'down');
    return reply
      .code(down.length === 0 ? 200 : 503)
      .send({ status: down.length === 0 ? ('ready' as const) : ('not_ready' as const), down });
  });
}
