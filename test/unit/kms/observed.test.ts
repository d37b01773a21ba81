/** Calls of KMS are told with their duration, and whether they failed. */
import { createKeyService } from '../../../src/kms/kms-client';
import { observed, type KeyServiceCall } from '../../../src/kms/observed';
import { startEmulatedKms, type EmulatedKms } from './emulated-kms';

let kms: EmulatedKms;

beforeAll(async () => {
  kms = await startEmulatedKms();
});

afterAll(() => kms.stop());

it('answers as the service does, and tells of every call', async () => {
  const told: KeyServiceCall[] = [];
  const service = observed(createKeyService({ client: kms.client, keyId: kms.emulator.keyArn }), (call) =>
    told.push(call),
  );
  const context = { tenant_id: 'acme' };

  const made = await service.generateDataKey(context);
  const opened = await service.decryptDataKey(made.wrapped, context, made.keyArn);
  const stolen = service.decryptDataKey(made.wrapped, { tenant_id: 'other' }, made.keyArn);

  expect(opened).toEqual(made.plaintext);
  await expect(stolen).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
  expect(told.map(({ operation, error }) => [operation, error !== undefined])).toEqual([
    ['generateDataKey', false],
    ['decryptDataKey', false],
    ['decryptDataKey', true],
  ]);
  expect(told.every(({ seconds }) => seconds > 0 && seconds < 60)).toBe(true);
});
