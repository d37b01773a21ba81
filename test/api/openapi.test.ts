import { newId } from '../../src/domain/ids';
import { buildApp } from '../../src/api/app';
import { TestSystem } from '../support/system';

interface Operation {
  summary?: string;
  responses: Record<string, { content?: unknown; description?: string }>;
}
interface OpenApi {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
}

let system: TestSystem;
let document: OpenApi;

beforeAll(async () => {
  system = await TestSystem.start();
  document = (await system.call('GET', '/openapi.json')).body;
});

afterAll(() => system.stop());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );

describe('GET /openapi.json', () => {
  it('is an OpenAPI 3.1 document that anybody may read', () => {
    expect(document).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./), info: { title: 'Everhook' } });
    expect(document.info.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('lists every route under /v1 once, and the probes', () => {
    const names = operations().map(({ name }) => name);

    expect(names).toEqual(
      expect.arrayContaining([
        'GET /health',
        'GET /ready',
        'POST /v1/auth',
        'POST /v1/tenants',
        'GET /v1/tenants',
        'GET /v1/tenants/{id}',
        'PATCH /v1/tenants/{id}',
        'DELETE /v1/tenants/{id}',
        'POST /v1/tenants/{id}/rotate-credentials',
        'POST /v1/keys',
        'GET /v1/keys',
        'GET /v1/keys/{id}',
        'PATCH /v1/keys/{id}',
        'DELETE /v1/keys/{id}',
        'POST /v1/webhooks',
        'GET /v1/webhooks',
        'GET /v1/webhooks/{id}',
        'PATCH /v1/webhooks/{id}',
        'PUT /v1/webhooks/{id}',
        'DELETE /v1/webhooks/{id}',
        'POST /v1/webhooks/{id}/test',
        'GET /v1/webhooks/{id}/stats',
        'POST /v1/webhooks/{id}/pause',
        'POST /v1/webhooks/{id}/resume',
        'POST /v1/webhooks/{id}/disable',
        'POST /v1/webhooks/{id}/enable',
        'POST /v1/webhooks/{id}/rotate-secret',
        'POST /v1/events',
        'POST /v1/events/batch',
        'GET /v1/events',
        'GET /v1/events/{id}',
        'GET /v1/event-types',
        'GET /v1/deliveries',
        'GET /v1/deliveries/{id}',
        'GET /v1/deliveries/{id}/attempts',
        'POST /v1/deliveries/{id}/replay',
        'POST /v1/deliveries/{id}/cancel',
        'POST /v1/deliveries/{id}/retry-now',
        'GET /v1/dlq',
        'GET /v1/dlq/webhook/{id}',
        'POST /v1/dlq/{delivery_id}/retry',
        'DELETE /v1/dlq/{delivery_id}',
        'POST /v1/webhooks/{id}/replay',
        'POST /v1/dlq/retry',
        'GET /v1/replays',
        'GET /v1/replays/{id}',
        'POST /v1/replays/{id}/cancel',
        'GET /v1/audit-logs',
        'GET /v1/admin/overview',
        'GET /v1/admin/webhooks',
        'GET /v1/admin/webhooks/{id}',
        'GET /v1/quotas/{tenant_id}',
        'PATCH /v1/quotas/{tenant_id}',
      ]),
    );
  });

  it('leaves out the names without /v1 and itself', () => {
    const bare = Object.keys(document.paths).filter((path) => !path.startsWith('/v1/'));

    expect(bare.sort()).toEqual(['/health', '/ready']);
  });

  it('says of every route what it does and how it fails', () => {
    const silent = operations().filter(({ name, operation }) => {
      const statuses = Object.keys(operation.responses);
      const fails = statuses.some((status) => status >= '400') || name === 'GET /health';
      return !operation.summary || !fails || !statuses.some((status) => status < '300');
    });

    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it('says of every route of a tenant that it may be 401, 403 or 503', () => {
    const lacking = operations().filter(
      ({ name, operation }) =>
        / \/v1\/(?!auth)/.test(name) && !['401', '403', '503'].every((status) => status in operation.responses),
    );

    expect(lacking.map(({ name }) => name)).toEqual([]);
  });

  it('needs nothing outside of itself', () => {
    const references = JSON.stringify(document).match(/"\$ref":"[^"]*"/g) ?? [];

    expect(references.filter((reference) => !reference.startsWith('"$ref":"#/'))).toEqual([]);
  });
});

describe('a route', () => {
  it('that does not say who may call it stops the app from being built', async () => {
    const app = await buildApp(system.ctx);

    expect(() => app.get(`/open-${newId()}`, () => 'x')).toThrow(/does not say who may call it/);
    await app.close();
  });
});
