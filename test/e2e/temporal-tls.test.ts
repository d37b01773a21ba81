/** Temporal behind TLS: what is shown to it, what is asked of it, and that everything works over it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config';
import { createLogger } from '../../src/telemetry/logger';
import { connectionSecurity } from '../../src/temporal/connection-security';
import { TemporalLink } from '../../src/temporal/link';
import { createAuthority, type Authority } from '../support/certificates';
import { sharedServers } from '../support/shared-servers';
import { TestSystem } from '../support/system';
import { startTemporalFront, type TemporalFront } from '../support/temporal-front';

let folder: string;
let authority: Authority;
let mutual: TemporalFront;
let named: TemporalFront;
let withCertificate: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'everhook-tls-'));
  authority = createAuthority(folder, 'authority');
  const { temporalAddress } = sharedServers();
  const server = authority.issue('server', 'IP:127.0.0.1');
  mutual = await startTemporalFront({ temporalAddress, server, clientCa: authority.ca });
  named = await startTemporalFront({ temporalAddress, server: authority.issue('named', 'DNS:temporal.test') });
  const client = authority.issue('everhook-worker', 'DNS:everhook-worker');
  withCertificate = {
    TEMPORAL_ADDRESS: mutual.address,
    TEMPORAL_TLS_CA: authority.caFile,
    TEMPORAL_TLS_CERT: client.certFile,
    TEMPORAL_TLS_KEY: client.keyFile,
  };
});

afterAll(async () => {
  await mutual.stop();
  await named.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** @returns whether it is connected, or the first failure to be logged */
async function connecting(env: Record<string, string>): Promise<string> {
  let refuse: (line: string) => void = () => {};
  const refused = new Promise<string>((resolve) => (refuse = resolve));
  const config = loadConfig({
    DATABASE_URL: 'unused',
    DATABASE_WORKER_URL: 'unused',
    KMS_KEY_ID: 'unused',
    JWT_SECRET: 'x'.repeat(32),
    ...env,
  });
  const link = new TemporalLink({
    address: config.TEMPORAL_ADDRESS,
    namespace: 'default',
    taskQueue: 'unused',
    security: connectionSecurity(config),
    log: createLogger({ level: 'warn', destination: { write: (line: string) => refuse(line) } }),
  });
  const connected = link.connect().then(() => 'connected');
  try {
    return await Promise.race([connected, refused]);
  } finally {
    await link.close();
  }
}

it('client and worker deliver over mutual TLS', async () => {
  const system = await TestSystem.start({ worker: true, env: withCertificate });
  const tenant = await system.createTenant();
  const receiver = await system.startReceiver(503);
  await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [3600] } });

  const [id = ''] = await system.publish(tenant);
  await system.deliveryWith(tenant, id, 'FAILED_RETRY');
  receiver.answer = 204;
  await system.call('POST', `/v1/deliveries/${id}/retry-now`, { token: tenant.token });

  expect(await system.deliveryWith(tenant, id, 'SUCCESS')).toMatchObject({ attempts: 2 });
  expect([...mutual.clients]).toEqual(['everhook-worker']);
  await expect(system.ctx.temporal.ensureRetention()).resolves.toBeUndefined();
  await system.stop();
}, 60_000);

it('nobody gets in without a client certificate, or with one of another authority', async () => {
  const stranger = createAuthority(folder, 'stranger').issue('strange-worker', 'DNS:strange-worker');
  const strange = { TEMPORAL_TLS_CERT: stranger.certFile, TEMPORAL_TLS_KEY: stranger.keyFile };

  const without = await connecting({ TEMPORAL_ADDRESS: mutual.address, TEMPORAL_TLS_CA: authority.caFile });
  const withStrange = await connecting({ ...withCertificate, ...strange });

  expect(without).toContain('temporal.unreachable');
  expect(withStrange).toContain('temporal.unreachable');
  expect([...mutual.clients]).toEqual(['everhook-worker']);
});

it('a server of another authority or name is refused, unless that name is asked for', async () => {
  const trusted = { TEMPORAL_ADDRESS: named.address, TEMPORAL_TLS_CA: authority.caFile };

  const byAddress = await connecting(trusted);
  const bySystemRoots = await connecting({ TEMPORAL_ADDRESS: named.address, TEMPORAL_TLS: 'true' });
  const callsBefore = named.authorizations.size;
  const byName = await connecting({ ...trusted, TEMPORAL_TLS_SERVER_NAME: 'temporal.test' });

  expect(byAddress).toContain('temporal.unreachable');
  expect(bySystemRoots).toContain('temporal.unreachable');
  expect(callsBefore).toBe(0);
  expect(byName).toBe('connected');
});

it('an API key goes along with every call', async () => {
  named.authorizations.clear();

  const connected = await connecting({
    TEMPORAL_ADDRESS: named.address,
    TEMPORAL_TLS_CA: authority.caFile,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
    TEMPORAL_API_KEY: 'an-api-key',
  });

  expect(connected).toBe('connected');
  expect([...named.authorizations]).toEqual(['Bearer an-api-key']);
});
