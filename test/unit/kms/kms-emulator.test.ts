/** The KMS emulator, spoken to by the real AWS SDK client. */
import { randomBytes } from 'node:crypto';
import {
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  ListKeysCommand,
  ReEncryptCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { startKmsEmulator, type KmsEmulator } from '../../../src/embedded/kms-emulator';
import { createKeyService, createKmsClient, type KeyService } from '../../../src/kms/kms-client';

const masterKey = randomBytes(32);
const context = { app: 'everhook', tenant: 'acme', purpose: 'data-key', v: '1' };
const credentials = { accessKeyId: 'emulator', secretAccessKey: 'emulator' };

let emulator: KmsEmulator;
let client: KMSClient;
let keyService: KeyService;

beforeAll(async () => {
  emulator = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey });
  client = createKmsClient({ region: 'eu-central-1', endpoint: emulator.url, credentials });
  keyService = createKeyService({ client, keyId: emulator.keyArn });
});

afterAll(async () => {
  client.destroy();
  await emulator.stop();
});

const errorNameOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'no error',
    (error: Error) => error.name,
  );

describe('the KMS emulator', () => {
  it('opens after a restart what it wrapped before', async () => {
    const { plaintext, wrapped, keyArn } = await keyService.generateDataKey(context);

    const restarted = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey });
    const restartedClient = createKmsClient({ region: 'us-east-1', endpoint: restarted.url, credentials });
    const restartedService = createKeyService({ client: restartedClient, keyId: restarted.keyArn });
    const unwrapped = await restartedService.decryptDataKey(wrapped, context, keyArn);
    restartedClient.destroy();
    await restarted.stop();

    expect(unwrapped.equals(plaintext)).toBe(true);
  });

  it('opens nothing of an emulator with another master key or another key id', async () => {
    const { wrapped } = await keyService.generateDataKey(context);

    const otherMaster = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey: randomBytes(32) });
    const otherId = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey, keyId: 'other-key' });
    const refusals = await Promise.all(
      [otherMaster, otherId].map(async (other) => {
        const otherClient = createKmsClient({ region: 'us-east-1', endpoint: other.url, credentials });
        const otherService = createKeyService({ client: otherClient, keyId: other.keyArn });
        const refusal = await errorNameOf(otherService.decryptDataKey(wrapped, context, other.keyArn));
        otherClient.destroy();
        await other.stop();
        return refusal;
      }),
    );

    expect(refusals).toEqual(['InvalidCiphertextException', 'IncorrectKeyException']);
  });

  it('encrypts and re-encrypts to another context', async () => {
    const text = Buffer.from('a short text');
    const first = await client.send(
      new EncryptCommand({ KeyId: emulator.keyArn, Plaintext: text, EncryptionContext: { place: 'old' } }),
    );

    const second = await client.send(
      new ReEncryptCommand({
        CiphertextBlob: first.CiphertextBlob,
        SourceEncryptionContext: { place: 'old' },
        DestinationKeyId: emulator.keyArn,
        DestinationEncryptionContext: { place: 'new' },
      }),
    );
    const blob = { CiphertextBlob: second.CiphertextBlob };
    const opened = await client.send(new DecryptCommand({ ...blob, EncryptionContext: { place: 'new' } }));
    const atOldPlace = await errorNameOf(
      client.send(new DecryptCommand({ ...blob, EncryptionContext: { place: 'old' } })),
    );

    expect(atOldPlace).toBe('InvalidCiphertextException');
    expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe('a short text');
  });

  it('answers ValidationException for what KMS would not accept', async () => {
    const errorNames = await Promise.all([
      errorNameOf(client.send(new EncryptCommand({ KeyId: emulator.keyArn, Plaintext: Buffer.alloc(4097) }))),
      errorNameOf(client.send(new GenerateDataKeyCommand({ KeyId: emulator.keyArn }))),
      errorNameOf(client.send(new GenerateDataKeyCommand({ KeyId: '', KeySpec: 'AES_256' }))),
    ]);

    expect(new Set(errorNames)).toEqual(new Set(['ValidationException']));
  });

  it('answers UnknownOperationException for an operation it lacks and for a plain web request', async () => {
    const listing = await errorNameOf(client.send(new ListKeysCommand({})));
    const browsing = await fetch(emulator.url);

    expect(listing).toBe('UnknownOperationException');
    expect(browsing.status).toBe(400);
    expect(await browsing.json()).toMatchObject({ __type: 'UnknownOperationException' });
  });

  it.each([
    ['no JSON', '{', 400, 'SerializationException'],
    ['no object', '[]', 400, 'SerializationException'],
    ['too long', ' '.repeat(65_537), 413, 'RequestEntityTooLargeException'],
    [
      'a context that is no map',
      '{"KeyId":"KEY","KeySpec":"AES_256","EncryptionContext":"x"}',
      400,
      'ValidationException',
    ],
    [
      'a context of numbers',
      '{"KeyId":"KEY","KeySpec":"AES_256","EncryptionContext":{"v":1}}',
      400,
      'ValidationException',
    ],
  ])('refuses a body that is %s', async (_what, body, status, type) => {
    const answer = await fetch(emulator.url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'TrentService.GenerateDataKey' },
      body: body.replace('KEY', emulator.keyArn),
    });

    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ __type: type });
  });

  it.each(['0.0.0.0', '::', '192.168.0.1', 'localhost.example.com', ''])('refuses to listen on "%s"', async (host) => {
    await expect(startKmsEmulator({ host, port: 0, masterKey })).rejects.toThrow('127.0.0.1');
  });

  it('refuses a master key of another length', async () => {
    await expect(startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey: randomBytes(16) })).rejects.toThrow(
      '32 bytes',
    );
  });

  it('fails to start on a port that is taken', async () => {
    const port = Number(new URL(emulator.url).port);

    await expect(startKmsEmulator({ host: '127.0.0.1', port, masterKey })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });

  it('can be stopped twice', async () => {
    const shortLived = await startKmsEmulator({ host: '127.0.0.1', port: 0, masterKey });

    await shortLived.stop();

    await expect(shortLived.stop()).resolves.toBeUndefined();
  });
});
