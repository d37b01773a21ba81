import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { newId } from '../../src/domain/ids';
import { buildApp } from '../../src/api/app';
import { compileExact } from '../../src/api/plugins/validation';
import { TestSystem } from '../support/system';

interface Media {
  schema: object;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}
interface Answer {
  $ref?: string;
  content?: Record<string, Media>;
  description?: string;
}
interface Operation {
  operationId: string;
  summary?: string;
  description?: string;
  tags: string[];
  security: Record<string, string[]>[];
  parameters?: { $ref?: string; name: string; description?: string }[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, Answer>;
}
interface OpenApi {
  openapi: string;
  info: { title: string; version: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { responses: Record<string, Answer> };
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

  it('is found valid by a linter', () => {
    const linter = join(__dirname, '..', 'support', 'lint-openapi.mjs');

    const { stdout, status } = spawnSync(process.execPath, [linter], {
      input: JSON.stringify(document),
      encoding: 'utf8',
    });

    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual([]);
  });

  it('says of every route what it does and how it fails', () => {
    const silent = operations().filter(({ name, operation }) => {
      const statuses = Object.keys(operation.responses);
      const fails = statuses.some((status) => status >= '400') || name === 'GET /health';
      return !operation.summary || !fails || !statuses.some((status) => status < '300');
    });

    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it('says of every route of a tenant that it may be 401, 403, 429 or 503', () => {
    const lacking = operations().filter(
      ({ name, operation }) =>
        / \/v1\/(?!auth)/.test(name) && !['401', '403', '429', '503'].every((status) => status in operation.responses),
    );

    expect(lacking.map(({ name }) => name)).toEqual([]);
  });

  it('gives every operation an id of its own and a tag that is explained', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    const tags = document.tags.map(({ name }) => name);

    expect(ids.filter((id) => !/^[a-z][A-Za-z]+$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(operations().flatMap(({ operation }) => operation.tags))).toEqual(new Set(tags));
  });

  it('describes every parameter', () => {
    const parameters = operations().flatMap(({ name, operation }) =>
      (operation.parameters ?? []).map((parameter) => ({ of: name, ...parameter })),
    );

    expect(parameters.filter(({ $ref, description }) => $ref === undefined && !description)).toEqual([]);
  });

  it('says which credentials each route takes, and which scope', () => {
    const security = (path: string, method: string) => document.paths[path]?.[method]?.security;

    expect(security('/v1/auth', 'post')).toEqual([]);
    expect(security('/v1/tenants', 'get')).toEqual([{ adminToken: [] }]);
    expect(security('/v1/keys', 'get')).toEqual([{ accessToken: [] }, { adminToken: [] }]);
    expect(security('/v1/events', 'post')).toEqual([
      { accessToken: ['write:events'] },
      { apiKey: ['write:events'] },
      { adminToken: [] },
    ]);
    expect(document.paths['/v1/events']?.['post']?.description).toContain('Needs the scope `write:events`.');
  });

  it('needs a body only where a request without one is refused', () => {
    const required = (path: string) => document.paths[path]?.['post']?.requestBody?.required;

    expect(required('/v1/events')).toBe(true);
    expect(required('/v1/deliveries/{id}/replay')).toBe(false);
    expect(required('/v1/webhooks/{id}/test')).toBe(false);
  });

  it('has an example for every body and every answer, and each is what its schema says', () => {
    const media = operations().flatMap(({ name, operation }) => [
      ...mediaOf(`${name} takes`, operation.requestBody),
      ...Object.entries(operation.responses).flatMap(([status, answer]) => mediaOf(`${name} ${status}`, answer)),
    ]);
    const shared = Object.entries(document.components.responses).flatMap(([name, answer]) => mediaOf(name, answer));
    const all = [...media, ...shared];

    expect(all.filter(({ examples }) => examples.length === 0).map(({ name }) => name)).toEqual([]);
    const wrong = all.flatMap(({ name, schema, examples }) => {
      const check = compileExact(schema);
      return examples.filter((example) => !check(example)).map((example) => ({ name, example, why: check.errors }));
    });
    expect(wrong).toEqual([]);
  });

  it('needs nothing outside of itself', () => {
    const references = JSON.stringify(document).match(/"\$ref":"[^"]*"/g) ?? [];

    expect(references.filter((reference) => !reference.startsWith('"$ref":"#/'))).toEqual([]);
  });
});

function mediaOf(name: string, { content = {} }: { content?: Record<string, Media> } = {}) {
  return Object.values(content).map(({ schema, example, examples = {} }) => ({
    name,
    schema,
    examples: [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)],
  }));
}

describe('a route', () => {
  it('that does not say who may call it stops the app from being built', async () => {
    const app = await buildApp(system.ctx);

    expect(() => app.get(`/open-${newId()}`, () => 'x')).toThrow(/does not say who may call it/);
    await app.close();
  });

  it('that the document would describe with gaps stops the app from being built', async () => {
    const app = await buildApp(system.ctx);
    const config = { access: { scope: 'read:events' } } as const;

    expect(() => app.get(`/v1/events/${newId()}`, { config }, () => 'x')).toThrow(/lacks an operationId/);
    await app.close();
  });
});
