/** Secrets bound to their place, end to end: box, cache, envelope, and the real SDK against the emulator. */
import { inspect } from 'node:util';
import { createDataKeys } from '../../../src/kms/data-keys';
import { createKeyService } from '../../../src/kms/kms-client';
import { createSecretBox } from '../../../src/kms/secret-box';
import { startEmulatedKms, type EmulatedKms } from './emulated-kms';
import { createMemoryDataKeyStore } from './memory-data-key-store';

const secret = 'whsec_canary-of-the-box';
const place = { tenantId: 'acme', table: 'webhook_configs', rowId: 'wh_1', column: 'secret_enc' };

let kms: EmulatedKms;

beforeAll(async () => {
  kms = await startEmulatedKms();
});

afterAll(() => kms.stop());

function arrange() {
  const keyService = createKeyService({ client: kms.client, keyId: kms.emulator.keyArn });
  const store = createMemoryDataKeyStore();
  const start = () => createSecretBox({ dataKeys: createDataKeys({ keyService, store }) });
  return { store, start };
}

describe('a secret', () => {
  it('shows in no error, however deep one looks', async () => {
    const { start } = arrange();
    const box = start();
    const sealed = await box.seal(place, secret);

    const failures = await Promise.all(
      [
        box.open({ ...place, rowId: 'wh_2' }, sealed),
        box.open({ ...place, tenantId: 'globex' }, sealed),
        box.open(place, sealed.subarray(0, 50)),
        box.open(place, Buffer.from(secret)),
        box.seal({ ...place, rowId: '' }, secret),
      ].map((opening) => opening.catch((error: unknown) => inspect(error, { depth: 10, showHidden: true }))),
    );

    for (const failure of failures) {
      expect(failure).toMatch(/Error|DecryptionFailed/);
      expect(failure).not.toContain('canary');
    }
  });

  it.each([
    ['an empty part', { rowId: '' }],
    ['the separator in a part', { rowId: 'wh_1|secret_enc' }],
  ])('is refused at a place with %s', async (_what, change) => {
    const { start } = arrange();

    await expect(start().seal({ ...place, ...change }, secret)).rejects.toBeInstanceOf(TypeError);
  });
});
