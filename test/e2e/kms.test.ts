/** Data keys are wrapped anew while deliveries go on, and KMS is away for a while: nothing is lost or sent unsigned. */
import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CreateKeyCommand, DisableKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { Webhook } from 'standardwebhooks';
import { emulatorCredentials } from '../../src/embedded/embedded';
import { startKmsEmulator, type KmsEmulator } from '../../src/embedded/kms-emulator';
import { projectFolder } from '../../src/version';
import { environmentOf } from '../support/environment';
import type { Receiver } from '../support/receiver';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function everhook(args: string[], env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(projectFolder, 'dist', 'src', 'main.js'), ...args],
      { env, timeout: 30_000 },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

const rotateKms = (system: TestSystem, keyId: string): Promise<Ended> =>
  everhook(['kms', 'rotate'], environmentOf(system, { KMS_KEY_ID: keyId }));

describe('everhook kms rotate', () => {
  let system: TestSystem;
  let client: KMSClient;

  beforeAll(async () => {
    system = await TestSystem.start({ worker: true });
    client = new KMSClient({ endpoint: system.kms.url, region: 'us-east-1', credentials: emulatorCredentials });
  });

  afterAll(async () => {
    client.destroy();
    await system.stop();
  });

  it('moves all keys while deliveries go on, twice at a time, and names the one that it cannot move', async () => {
    const tenant = await system.createTenant();
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url });
    const others = await Promise.all(Array.from({ length: 120 }, () => addTenant(system)));
    const [broken = ''] = others;
    await system.database.query(`UPDATE hook.data_keys SET wrapped = '\\x00' WHERE tenant_id = $1`, [broken]);
    const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
    const newKey = String(KeyMetadata?.Arn);

    const rotations = [rotateKms(system, newKey), rotateKms(system, newKey)];
    const rotation = { underWay: true };
    const ending = Promise.all(rotations).finally(() => (rotation.underWay = false));
    const published: string[] = [];
    do {
      const [id = ''] = await system.publish(tenant);
      await system.deliveryWith(tenant, id, 'SUCCESS');
      published.push(id);
    } while (rotation.underWay);
    const ended = await ending;

    expect(ended.map(({ code }) => code)).toEqual([1, 1]);
    for (const { stdout, stderr } of ended) {
      expect(stdout).toContain(`of tenant ${broken}, wrapped by ${system.kms.keyArn}: InvalidCiphertextException`);
      expect(stdout).toMatch(/121 of 121: \d+ moved, \d+ already there, 1 failed/);
      expect(stderr).toContain('Everhook: 1 of the data keys could not be moved; they are named above.\n');
    }
    const [first = 0, second = 0] = ended.map(({ stdout }) => Number(/Done: (\d+)/.exec(stdout)?.[1]));
    expect(first + second).toBe(120);
    expect(receiver.arrivals).toHaveLength(published.length);

    await client.send(new DisableKeyCommand({ KeyId: system.kms.keyArn }));
    const cold = await TestSystem.start({ after: system, env: { KMS_KEY_ID: newKey } });
    const opened = await Promise.all(
      others.slice(1).map(async (id) => cold.ctx.secrets.open(placeOf(id), await sealedOf(system, id))),
    );
    await cold.stop({ keepData: true });
    expect(opened).toEqual(others.slice(1).map((id) => `secret of ${id}`));
  }, 60_000);
});

const placeOf = (tenantId: string) => ({ tenantId, table: 'tenants', rowId: tenantId, column: 'name' });

/** Has a data key, and in place of a webhook's secret a name that is sealed by it. */
async function addTenant(system: TestSystem): Promise<string> {
  const id = randomBytes(8).toString('hex');
  const insert = `INSERT INTO hook.tenants (id, name, client_id, client_secret_hash) VALUES ($1, '', $1, '')`;
  await system.database.query(insert, [id]);
  const sealed = await system.ctx.secrets.seal(placeOf(id), `secret of ${id}`);
  await system.database.query('UPDATE hook.tenants SET name = $2 WHERE id = $1', [id, sealed.toString('base64')]);
  return id;
}

async function sealedOf(system: TestSystem, id: string): Promise<Buffer> {
  const [row] = await system.database.query<{ name: string }>('SELECT name FROM hook.tenants WHERE id = $1', [id]);
  return Buffer.from(String(row?.name), 'base64');
}

describe.each(['api', 'worker'])('the role %s', (role) => {
  it.each([
    ['without KMS_KEY_ID', { KMS_KEY_ID: '' }, 'KMS_KEY_ID is not set'],
    ['with an emulator that is not allowed', { KMS_ALLOW_EMULATOR: 'false' }, 'needs KMS_ALLOW_EMULATOR=true'],
  ])('does not start %s', async (_what, env, message) => {
    const settings = {
      DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/none',
      DATABASE_WORKER_URL: 'postgresql://nobody@127.0.0.1:9/none',
      JWT_SECRET: 'x'.repeat(32),
      KMS_KEY_ID: 'a-key',
      KMS_ENDPOINT: 'http://127.0.0.1:9',
      KMS_ALLOW_EMULATOR: 'true',
    };

    const { code, stderr } = await everhook([role], { ...settings, ...env });

    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe('KMS away', () => {
  let front: KmsFront;
  let emulator: KmsEmulator;
  let system: TestSystem;

  beforeAll(async () => {
    emulator = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey: randomBytes(32) });
    front = await startKmsFront(emulator.url);
    system = await TestSystem.start({ worker: true, env: { KMS_ENDPOINT: front.url, KMS_KEY_ID: emulator.keyArn } });
  });

  afterAll(async () => {
    await system.stop();
    await front.stop();
    await emulator.stop();
  });

  it.each(['throttled', 'down'] as const)(
    'as it is %s: what is cached goes on, the rest waits without an attempt and is delivered signed afterwards',
    async (mode) => {
      const receiver = await system.startReceiver();
      const warm = await subscribed(system, receiver);
      // Another process has made the webhook, so that the worker has never seen its key.
      const elsewhere = await TestSystem.start({
        after: system,
        env: { KMS_ENDPOINT: front.url, KMS_KEY_ID: emulator.keyArn },
      });
      const cold = await subscribed(elsewhere, receiver);
      await elsewhere.stop({ keepData: true });

      front.away(mode);
      const [coldId = ''] = await system.publish(cold.tenant);
      const [warmId = ''] = await system.publish(warm.tenant);
      await system.deliveryWith(warm.tenant, warmId, 'SUCCESS');
      await waitFor(() => front.refused >= 6, 'two tries of the attempt to be refused by KMS');
      const whileAway = await system.delivery(cold.tenant, coldId);
      const arrivedWhileAway = receiver.arrivals.map(({ headers }) => headers['webhook-id']);
      const refusedCreation = await system.call('POST', '/v1/webhooks', {
        token: (await system.createTenant()).token,
        body: { url: receiver.url },
      });
      front.back();
      const delivered = await system.deliveryWith(cold.tenant, coldId, 'SUCCESS');

      expect(arrivedWhileAway).toEqual([warmId]);
      expect(whileAway).toMatchObject({ attempts: 0, last_error: null });
      expect(refusedCreation).toMatchObject({ status: 503, body: { error: { code: 'UNAVAILABLE' } } });
      expect(delivered).toMatchObject({ attempts: 1, replay_no: 0 });
      const [{ body, headers } = { body: '', headers: {} }] = receiver.arrivals.slice(-1);
      expect(new Webhook(cold.secret).verify(body, headers as Record<string, string>)).toMatchObject({ id: coldId });
      const webhook = await system.database.query(
        'SELECT state, consecutive_failures, failing_since FROM hook.webhook_configs WHERE tenant_id = $1',
        [cold.tenant.id],
      );
      expect(webhook).toEqual([{ state: 'active', consecutive_failures: 0, failing_since: null }]);
    },
    60_000,
  );
});

async function subscribed(
  system: TestSystem,
  receiver: Receiver,
): Promise<{ readonly tenant: TestTenant; readonly secret: string }> {
  const tenant = await system.createTenant();
  const { secret } = await system.createWebhook(tenant, { url: receiver.url });
  return { tenant, secret };
}

interface KmsFront {
  readonly url: string;
  /** Calls that were not let through since it went away. */
  readonly refused: number;
  away(mode: 'throttled' | 'down'): void;
  back(): void;
  stop(): Promise<void>;
}

/** Stands before a KMS and lets calls through, answers that they are too many, or breaks connections. */
async function startKmsFront(kmsUrl: string): Promise<KmsFront> {
  let mode: 'throttled' | 'down' | undefined;
  let refused = 0;
  const server: Server = createServer((request, response) => {
    if (mode !== undefined) refused++;
    if (mode === 'down') return request.socket.destroy();
    if (mode === 'throttled') {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
      return response.end(JSON.stringify({ __type: 'ThrottlingException', message: 'Rate exceeded' }));
    }
    const chunks: Buffer[] = [];
    return request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const headers = { 'content-type': '', 'x-amz-target': '' };
        for (const name of Object.keys(headers) as (keyof typeof headers)[])
          headers[name] = String(request.headers[name]);
        fetch(kmsUrl, { method: 'POST', headers, body: Buffer.concat(chunks) })
          .then(async (answer) => {
            response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' });
            response.end(await answer.text());
          })
          .catch(() => request.socket.destroy());
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get refused() {
      return refused;
    },
    away(next) {
      refused = 0;
      mode = next;
    },
    back() {
      mode = undefined;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
