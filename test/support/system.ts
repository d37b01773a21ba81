/**
 * Everhook as a test file has it: a context on its own database, KMS and task queue, with the API in
 * reach of `inject` and, when asked for, a worker that delivers for real.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { buildApp } from '../../src/api/app';
import type { App } from '../../src/api/http';
import { answersOf, type RouteSchema } from '../../src/api/openapi/route-rules';
import { loadConfig, type Config } from '../../src/config';
import { createContext, type Context } from '../../src/context';
import { emulatorCredentials } from '../../src/embedded/embedded';
import { startKmsEmulator, type KmsEmulator } from '../../src/embedded/kms-emulator';
import { startService, type Service } from '../../src/service';
import { createLogger, type Logger } from '../../src/telemetry/logger';
import { createDatabase, type TestDatabase } from './database';
import { installQuietRuntime } from './quiet-runtime';
import { startReceiver, type Answer, type Receiver } from './receiver';
import { sharedServers } from './shared-servers';
import { waitFor } from './wait-for';

export const adminToken = 'test-admin-token-0123456789-0123456789';

export interface TestTenant {
  readonly id: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly token: string;
}

export interface SystemOptions {
  /** Runs a worker against the shared Temporal server. */
  readonly worker?: boolean;
  readonly env?: Record<string, string>;
  /** What the system logs with; silent unless given. */
  readonly log?: Logger;
  /** Goes on with the database and KMS of another system, as a restarted process does. */
  readonly after?: TestSystem;
}

/** An answer of the API; its body is whatever the route says. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: LightMyRequestResponse['headers'];
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read fields of many shapes
  readonly body: any;
  readonly text: string;
}

export class TestSystem {
  private readonly receivers: Receiver[] = [];
  /** Answers that a route gave and does not tell of in its schema, and so in the OpenAPI document. */
  private readonly undeclared = new Set<string>();

  private constructor(
    readonly ctx: Context,
    readonly app: App,
    readonly database: TestDatabase,
    readonly kms: KmsEmulator,
    private readonly service: Service | undefined,
  ) {
    this.app.addHook('onResponse', (request, reply, done) => {
      const { method, url = '', schema, config } = request.routeOptions;
      const answers = answersOf((schema ?? {}) as RouteSchema, config.access);
      const isDescribed = schema?.response !== undefined;
      if (isDescribed && !(reply.statusCode in answers))
        this.undeclared.add(`${String(method)} ${url} ${reply.statusCode}`);
      done();
    });
  }

  static async start(options: SystemOptions = {}): Promise<TestSystem> {
    if (options.worker) quietOnce();
    const undo: (() => Promise<void>)[] = [];
    try {
      return await TestSystem.build(options, undo);
    } catch (error) {
      for (const step of undo.toReversed()) await step();
      throw error;
    }
  }

  private static async build(options: SystemOptions, undo: (() => Promise<void>)[]): Promise<TestSystem> {
    const database = options.after?.database ?? (await createDatabase());
    if (!options.after) undo.push(() => database.drop());
    const kms =
      options.after?.kms ?? (await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey: randomBytes(32) }));
    if (!options.after) undo.push(() => kms.stop());
    const config = testConfig(database, kms, options.env);
    const ctx = createContext(config, {
      log: options.log ?? createLogger({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }),
      kmsCredentials: emulatorCredentials,
    });
    undo.push(() => ctx.close());
    const service = options.worker
      ? await startService(ctx, {
          roles: { api: false, worker: true },
          bundleFolder: sharedServers().bundleFolder,
        })
      : undefined;
    if (service) undo.push(() => service.stop());
    await service?.workerReady;
    return new TestSystem(ctx, await buildApp(ctx), database, kms, service);
  }

  /** Ends the system, and its database and KMS unless another system goes on with them. */
  async stop({ keepData = false } = {}): Promise<void> {
    await Promise.all(this.receivers.map((receiver) => receiver.stop()));
    await this.app.close();
    await (this.service?.stop() ?? this.ctx.close());
    if (!keepData) {
      await this.kms.stop();
      await this.database.drop();
    }
    if (this.undeclared.size > 0) throw new Error(`not in the route's schema: ${[...this.undeclared].join(', ')}`);
  }

  async call(
    method: InjectOptions['method'],
    url: string,
    options: { token?: string; body?: unknown; text?: string; headers?: Record<string, string>; from?: string } = {},
  ): Promise<ApiAnswer> {
    const payload = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const response = await this.app.inject({
      method,
      url,
      ...(payload !== undefined && { payload }),
      ...(options.from !== undefined && { remoteAddress: options.from }),
      headers: {
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
        ...options.headers,
      },
    });
    const text = response.body;
    return {
      status: response.statusCode,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
      text,
    };
  }

  async createTenant(): Promise<TestTenant> {
    const { body } = await this.call('POST', '/v1/tenants', { token: adminToken, body: { name: 'A tenant' } });
    const { id, client_id: clientId, client_secret: clientSecret } = body.data;
    const auth = await this.call('POST', '/v1/auth', {
      body: { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
    });
    return { id, clientId, clientSecret, token: auth.body.access_token };
  }

  async startReceiver(answer?: Answer): Promise<Receiver> {
    const receiver = await startReceiver(answer);
    this.receivers.push(receiver);
    return receiver;
  }

  /** @returns the webhook as the API shows it */
  async createWebhook(tenant: TestTenant, settings: Record<string, unknown>): Promise<ApiAnswer['body']> {
    const { status, body } = await this.call('POST', '/v1/webhooks', { token: tenant.token, body: settings });
    if (status !== 201) throw new Error(`webhook refused: ${JSON.stringify(body)}`);
    return body.data;
  }

  /** @returns the ids of its deliveries */
  async publish(tenant: TestTenant, event: Record<string, unknown> = {}): Promise<string[]> {
    const { status, body } = await this.call('POST', '/v1/events', {
      token: tenant.token,
      body: { type: 'order.created', payload: { n: 1 }, ...event },
    });
    if (status !== 202) throw new Error(`event refused: ${JSON.stringify(body)}`);
    return body.data.delivery_ids;
  }

  async delivery(tenant: TestTenant, id: string): Promise<ApiAnswer['body']> {
    return (await this.call('GET', `/v1/deliveries/${id}`, { token: tenant.token })).body.data;
  }

  /** Waits until the delivery has this status. */
  deliveryWith(tenant: TestTenant, id: string, status: string): Promise<ApiAnswer['body']> {
    return waitFor(async () => {
      const delivery = await this.delivery(tenant, id);
      return delivery.status === status && delivery;
    }, `delivery ${id} to be ${status}`);
  }
}

let quiet = false;

function quietOnce(): void {
  if (!quiet) installQuietRuntime();
  quiet = true;
}

function testConfig(database: TestDatabase, kms: KmsEmulator, env: Record<string, string> = {}): Config {
  return loadConfig({
    DATABASE_URL: database.serviceUrl,
    DATABASE_WORKER_URL: database.workerUrl,
    DB_POOL_MIN: '0',
    DB_POOL_MAX: '10',
    TEMPORAL_ADDRESS: sharedServers().temporalAddress,
    TEMPORAL_TASK_QUEUE: `test-${randomUUID()}`,
    KMS_KEY_ID: kms.keyArn,
    KMS_ENDPOINT: kms.url,
    KMS_ALLOW_EMULATOR: 'true',
    JWT_SECRET: 'test-jwt-secret-0123456789-0123456789',
    ADMIN_TOKEN: adminToken,
    EGRESS_ALLOW_CIDRS: '127.0.0.0/8',
    EGRESS_ALLOW_HTTP: 'true',
    SHUTDOWN_GRACE_MS: '2000',
    // Tests wait for things by asking again and again.
    MANAGEMENT_RATE_PER_MINUTE: '0',
    ...env,
  });
}
