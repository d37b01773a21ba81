/**
 * `npm run bench:attempt`: what the security of one attempt costs in CPU, part by part, on the real code: opening the
 * secret and the headers with a data key in memory, signing 1 KiB twice, checking the URL, and judging the two
 * addresses of a connection (the one that is looked up and the one that was dialled).
 */
import { randomBytes } from 'node:crypto';
import { signatureHeaders } from '../../src/delivery/sign';
import { createAddressPolicy } from '../../src/egress/address-policy';
import { createEgressGuard } from '../../src/egress/egress-guard';
import { startKmsEmulator } from '../../src/embedded/kms-emulator';
import { createDataKeys } from '../../src/kms/data-keys';
import { createKeyService, createKmsClient } from '../../src/kms/kms-client';
import { createSecretBox } from '../../src/kms/secret-box';
import { createDataKeyStore } from '../../src/store/data-keys';
import { createPool } from '../../src/store/pool';
import { startDatabase } from './database';

const rounds = 9;
const perRound = 5_000;

async function main(): Promise<void> {
  const database = await startDatabase();
  const emulator = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey: randomBytes(32) });
  const pool = createPool({ url: database.workerUrl, name: 'bench', min: 0, max: 2, onLost: () => undefined });
  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
  const client = createKmsClient({ region: 'eu-west-1', endpoint: emulator.url, credentials });
  try {
    await database.admin.query(
      "INSERT INTO hook.tenants (id, name, client_id, client_secret_hash) VALUES ('t', 'T', 't', '')",
    );
    const keyService = createKeyService({ client, keyId: emulator.keyArn });
    const box = createSecretBox({ dataKeys: createDataKeys({ keyService, store: createDataKeyStore(pool) }) });
    const place = (column: string) => ({ tenantId: 't', table: 'webhook_configs', rowId: 'w', column });
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const sealed = await box.seal(place('secret_enc'), secret);
    const headers = await box.seal(
      place('headers_enc'),
      JSON.stringify({ 'X-Team': 'orders', Authorization: 'Bearer abc' }),
    );
    const body = randomBytes(512).toString('hex');
    const guard = createEgressGuard({ allowHttp: false, allowCidrs: [] });
    const policy = createAddressPolicy({ allowCidrs: [] });

    await measure('open secret and headers, data key in memory', () =>
      Promise.all([box.open(place('secret_enc'), sealed), box.open(place('headers_enc'), headers)]),
    );
    await measure('sign 1 KiB, both header families', () => {
      signatureHeaders({ deliveryId: 'd', timestampSeconds: 1_700_000_000, body, secrets: [secret] });
    });
    await measure('check the URL', () => void guard.checkUrl('https://hooks.example.com:8443/orders?tenant=acme'));
    await measure(
      'judge two addresses',
      () => void [policy.allows('93.184.216.34'), policy.allows('2606:4700:4700::1111')],
    );
  } finally {
    client.destroy();
    await pool.end();
    await emulator.stop();
    await database.stop();
  }
}

async function measure(name: string, work: () => unknown): Promise<void> {
  const microseconds: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = process.cpuUsage();
    for (let n = 0; n < perRound; n++) await work();
    const { user, system } = process.cpuUsage(before);
    // The first round warms up.
    if (round > 0) microseconds.push((user + system) / perRound);
  }
  microseconds.sort((a, b) => a - b);
  const [least = 0] = microseconds;
  const median = microseconds[Math.floor(rounds / 2)] ?? 0;
  const most = microseconds.at(-1) ?? 0;
  process.stdout.write(`${name}: ${median.toFixed(1)} µs (${least.toFixed(1)}–${most.toFixed(1)})\n`);
}

void main();
