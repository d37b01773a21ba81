/**
 * Encryption by a KMS, from its calls to sealed secrets, on our emulator and on moto alike: what holds on a server
 * that others have written holds because of KMS's protocol, not because our two sides agree.
 */
import { randomBytes } from 'node:crypto';
import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { createDataKeys } from '../../../src/kms/data-keys';
import { DecryptionFailed } from '../../../src/kms/envelope';
import { createKeyService, type KeyService } from '../../../src/kms/kms-client';
import { rotateDataKeys } from '../../../src/kms/rotate';
import { createSecretBox } from '../../../src/kms/secret-box';
import { motoPath, startEmulator, startMoto, type KmsServer } from '../../support/kms-servers';
import { createMemoryDataKeyStore } from './memory-data-key-store';

const context = { app: 'everhook', tenant: 'acme', purpose: 'data-key', v: '1' };
const secret = 'whsec_canary-of-the-box';
const place = { tenantId: 'acme', table: 'webhook_configs', rowId: 'wh_1', column: 'secret_enc' };

const emulator = { name: 'the emulator', start: startEmulator, wrongKey: 'IncorrectKeyException' };
// AWS answers IncorrectKeyException as well; a refusal it is all the same.
const moto = { name: 'moto', start: startMoto, wrongKey: 'AccessDeniedException' };

// The set-up says why; counted as skipped.
if (motoPath === undefined) it.todo('holds on moto as well, which could not be had: KMS_TEST_SERVER_PATH is not set');

describe.each(motoPath === undefined ? [emulator] : [emulator, moto])('on $name', ({ start, wrongKey }) => {
  let server: KmsServer;
  let keyArn: string;
  let keyService: KeyService;

  beforeAll(async () => {
    server = await start();
    keyArn = await createKey();
    keyService = createKeyService({ client: server.client, keyId: keyArn });
  });

  afterAll(() => server.stop());

  async function createKey(): Promise<string> {
    const { KeyMetadata } = await server.client.send(new CreateKeyCommand({}));
    return String(KeyMetadata?.Arn);
  }

  describe('the key service', () => {
    it('unwraps the key it generated', async () => {
      const made = await keyService.generateDataKey(context);

      const unwrapped = await keyService.decryptDataKey(made.wrapped, context, made.keyArn);

      expect(made.plaintext).toHaveLength(32);
      expect(made.keyArn).toBe(keyArn);
      expect(made.wrapped.includes(made.plaintext)).toBe(false);
      expect(unwrapped.equals(made.plaintext)).toBe(true);
    });

    it('does not care about the order of the context', async () => {
      const { plaintext, wrapped } = await keyService.generateDataKey(context);

      const reordered = Object.fromEntries(Object.entries(context).toReversed());
      const unwrapped = await keyService.decryptDataKey(wrapped, reordered, keyArn);

      expect(unwrapped.equals(plaintext)).toBe(true);
    });

    it.each([
      ['another tenant', { ...context, tenant: 'globex' }],
      ['another case', { ...context, tenant: 'ACME' }],
      ['another version', { ...context, v: '2' }],
      ['one entry less', { app: 'everhook', tenant: 'acme', purpose: 'data-key' }],
      ['no entry', {}],
    ])('answers InvalidCiphertextException for a context with %s', async (_what, wrongContext) => {
      const { wrapped } = await keyService.generateDataKey(context);

      const unwrapping = keyService.decryptDataKey(wrapped, wrongContext, keyArn);
      await expect(unwrapping).rejects.toMatchObject({ name: 'InvalidCiphertextException' });

      const from = { keyArn, context: wrongContext };
      const moving = keyService.moveDataKey(wrapped, from, { context: wrongContext });
      await expect(moving).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
    });

    it.each([
      [
        'altered',
        (wrapped: Buffer) =>
          Buffer.concat([wrapped.subarray(0, -1), Buffer.from([~wrapped.readUInt8(wrapped.length - 1)])]),
      ],
      ['cut short', (wrapped: Buffer) => wrapped.subarray(0, 20)],
      ['lengthened', (wrapped: Buffer) => Buffer.concat([wrapped, Buffer.from([0])])],
      ['not ours', () => randomBytes(100)],
    ])('answers InvalidCiphertextException for a blob that is %s', async (_what, change) => {
      const { wrapped } = await keyService.generateDataKey(context);

      const unwrapping = keyService.decryptDataKey(change(wrapped), context, keyArn);

      await expect(unwrapping).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
    });

    it('opens nothing by another KMS key than the one that wrapped it', async () => {
      const { wrapped } = await keyService.generateDataKey(context);

      const unwrapping = keyService.decryptDataKey(wrapped, context, await createKey());

      await expect(unwrapping).rejects.toMatchObject({ name: wrongKey });
    });

    it('moves a key to another KMS key and context, where alone it opens', async () => {
      const { plaintext, wrapped } = await keyService.generateDataKey(context);
      const newService = createKeyService({ client: server.client, keyId: await createKey() });
      const newContext = { ...context, v: '2' };

      const moved = await newService.moveDataKey(wrapped, { keyArn, context }, { context: newContext });

      expect(moved.keyArn).not.toBe(keyArn);
      expect((await keyService.decryptDataKey(moved.wrapped, newContext, moved.keyArn)).equals(plaintext)).toBe(true);
      await expect(keyService.decryptDataKey(moved.wrapped, context, moved.keyArn)).rejects.toMatchObject({
        name: 'InvalidCiphertextException',
      });
      await expect(keyService.decryptDataKey(moved.wrapped, newContext, keyArn)).rejects.toMatchObject({
        name: wrongKey,
      });
    });

    it('is ready while the key is enabled', async () => {
      await expect(keyService.check()).resolves.toEqual({ keyArn });
    });

    it('is not ready when the key does not exist', async () => {
      const keyId = '00000000-0000-4000-8000-000000000000';
      const strayService = createKeyService({ client: server.client, keyId });

      await expect(strayService.check()).rejects.toMatchObject({ name: 'NotFoundException' });
      await expect(strayService.generateDataKey(context)).rejects.toMatchObject({ name: 'NotFoundException' });
    });
  });

  describe('a secret', () => {
    function arrange() {
      const store = createMemoryDataKeyStore();
      const startBox = () => createSecretBox({ dataKeys: createDataKeys({ keyService, store }) });
      return { store, startBox };
    }

    it('opens at its place, also in another process, and after its data key was moved', async () => {
      const { store, startBox } = arrange();
      const sealed = await startBox().seal(place, secret);
      const newKey = await createKey();

      const before = await startBox().open(place, sealed);
      const counts = await rotateDataKeys({
        keyService: createKeyService({ client: server.client, keyId: newKey }),
        store,
        contextVersion: 2,
        signal: new AbortController().signal,
        onProgress: () => {},
        onFailed: (_key, error) => {
          throw error;
        },
      });
      const after = await startBox().open(place, sealed);

      expect([before, after]).toEqual([secret, secret]);
      expect(counts).toEqual({ moved: 1, alreadyThere: 0, failed: 0 });
      expect(store.rows).toMatchObject([{ keyArn: newKey, contextVersion: 2 }]);
    });

    it('opens at another place once it was moved there, and no more as if it were at the old one', async () => {
      const { startBox } = arrange();
      const box = startBox();
      const other = { ...place, column: 'previous_secret_enc' };

      const moved = await box.move(place, other, await box.seal(place, secret));

      expect(moved && (await box.open(other, moved))).toBe(secret);
      expect(moved && (await box.move(place, other, moved))).toBeNull();
    });

    it.each([
      ['row', { rowId: 'wh_2' }],
      ['column', { column: 'previous_secret_enc' }],
      ['table', { table: 'channels' }],
    ])('does not open in another %s of the same tenant', async (_what, move) => {
      const { startBox } = arrange();
      const box = startBox();
      const sealed = await box.seal(place, secret);

      await expect(box.open({ ...place, ...move }, sealed)).rejects.toBeInstanceOf(DecryptionFailed);
    });

    it('does not open for another tenant, with or without a copy of its data key', async () => {
      const { store, startBox } = arrange();
      const sealed = await startBox().seal(place, secret);

      const withoutCopy = startBox().open({ ...place, tenantId: 'globex' }, sealed);
      await expect(withoutCopy).rejects.toBeInstanceOf(DecryptionFailed);
      store.rows.push(...store.rows.map((row) => ({ ...row, tenantId: 'globex' })));
      const withCopy = startBox().open({ ...place, tenantId: 'globex' }, sealed);

      await expect(withCopy).rejects.toBeInstanceOf(DecryptionFailed);
    });
  });
});
