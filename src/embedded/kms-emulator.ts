/**
 * A stand-in for AWS KMS with one symmetric key, for development and tests only.
 * It listens on loopback only and does not check signatures: whoever reaches the port may use the key.
 * It speaks what the real SDK speaks (AWS JSON 1.1), so no code of ours knows the difference.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomBytes,
  randomUUID,
  type KeyObject,
} from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface KmsEmulatorOptions {
  /** `127.0.0.1` or `::1`. */
  host: string;
  /** 0 takes a free port. */
  port: number;
  /** 32 bytes. Whoever keeps it and `keyId` can restart the emulator and open what it wrapped before. */
  masterKey: Buffer;
  keyId?: string;
}

export interface KmsEmulator {
  /** The endpoint for the SDK, which may use any region and any credentials. */
  url: string;
  keyArn: string;
  stop(): Promise<void>;
}

const maxBodyBytes = 64 * 1024;
const maxPlaintextBytes = 4096;
const ivBytes = 12;
const tagBytes = 16;
const blobVersion = 1;
const algorithm = 'SYMMETRIC_DEFAULT';

/** @throws Error when `host` is not loopback, the master key is not 32 bytes, or the port is taken */
export async function startKmsEmulator({
  host,
  port,
  masterKey,
  keyId = '00000000-0000-4000-8000-00000000e4ee',
}: KmsEmulatorOptions): Promise<KmsEmulator> {
  if (host !== '127.0.0.1' && host !== '::1') {
    throw new Error(`the KMS emulator checks no signatures and listens on 127.0.0.1 or ::1 only, not on ${host}`);
  }
  if (masterKey.length !== 32) throw new Error('the master key of the KMS emulator must have 32 bytes');

  const keyArn = `arn:aws:kms:us-east-1:000000000000:key/${keyId}`;
  const operations = createOperations({ id: keyId, arn: keyArn, secret: createSecretKey(masterKey) });
  const server = createServer((request, response) => {
    answer(operations, request).then(
      (body) => send(response, 200, body),
      (error: unknown) => sendError(response, error),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });

  const { port: boundPort } = server.address() as AddressInfo;
  let stopped: Promise<void> | undefined;
  return {
    url: `http://${host === '::1' ? '[::1]' : host}:${boundPort}`,
    keyArn,
    stop() {
      stopped ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        // The SDK keeps its connections open, and close() alone would wait for them.
        server.closeAllConnections();
      });
      return stopped;
    },
  };
}

type Json = Record<string, unknown>;
type Operations = Map<string, (input: Json) => Json>;

interface EmulatedKey {
  id: string;
  arn: string;
  secret: KeyObject;
}

/** An error in KMS's own shape; the SDK turns `code` into the exception class of that name. */
class KmsFault extends Error {
  override readonly name = 'KmsFault';

  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

async function answer(operations: Operations, request: IncomingMessage): Promise<Json> {
  const target = String(request.headers['x-amz-target']);
  const operation = target.startsWith('TrentService.')
    ? operations.get(target.slice('TrentService.'.length))
    : undefined;
  // A web page can send neither this content type nor the target header across origins without our consent.
  const isAwsJson = request.headers['content-type']?.startsWith('application/x-amz-json-1.1');
  if (request.method !== 'POST' || !isAwsJson || !operation) {
    throw new KmsFault('UnknownOperationException', 'the KMS emulator does not know this operation');
  }
  return operation(await readJson(request));
}

async function readJson(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    // The excess is read but not kept: breaking off would reset the connection before our answer is read.
    if (sizeBytes <= maxBodyBytes) chunks.push(chunk);
  }
  if (sizeBytes > maxBodyBytes) {
    throw new KmsFault('RequestEntityTooLargeException', `the body exceeds ${maxBodyBytes} bytes`, 413);
  }

  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new KmsFault('SerializationException', 'the body is not JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new KmsFault('SerializationException', 'the body is not a JSON object');
  }
  return body as Json;
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

function sendError(response: ServerResponse, error: unknown): void {
  const fault =
    error instanceof KmsFault ? error : new KmsFault('KMSInternalException', 'the KMS emulator failed', 500);
  send(response, fault.status, { __type: fault.code, message: fault.message });
}

function createOperations(key: EmulatedKey): Operations {
  const isThisKey = (keyId: unknown) => keyId === key.id || keyId === key.arn;

  function requireKey(keyId: unknown): void {
    if (typeof keyId !== 'string' || keyId === '') throw new KmsFault('ValidationException', 'KeyId is required');
    if (!isThisKey(keyId)) throw new KmsFault('NotFoundException', `Key '${keyId}' does not exist`);
  }

  function unwrap(blob: Buffer, context: unknown, keyId: unknown): Buffer {
    if (keyId !== undefined) requireKey(keyId);
    const { wrappedBy, iv, tag, ct } = splitBlob(blob);
    if (wrappedBy !== key.id) {
      if (keyId === undefined) throw invalidCiphertext();
      throw new KmsFault('IncorrectKeyException', 'The key ID in the request does not identify the CMK that was used');
    }
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.secret, iv, { authTagLength: tagBytes })
        .setAAD(aadOf(key.id, context))
        .setAuthTag(tag);
      return Buffer.concat([decipher.update(ct), decipher.final()]);
    } catch (error) {
      throw error instanceof KmsFault ? error : invalidCiphertext();
    }
  }

  function wrap(plaintext: Buffer, context: unknown): string {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv('aes-256-gcm', key.secret, iv, { authTagLength: tagBytes }).setAAD(
      aadOf(key.id, context),
    );
    const ct = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    const id = Buffer.from(key.id, 'utf8');
    return Buffer.concat([Buffer.from([blobVersion, id.length]), id, iv, cipher.getAuthTag(), ct]).toString('base64');
  }

  return new Map<string, (input: Json) => Json>([
    [
      'GenerateDataKey',
      (input) => {
        requireKey(input.KeyId);
        const plaintext = randomBytes(dataKeyBytesOf(input));
        const blob = wrap(plaintext, input.EncryptionContext);
        return { KeyId: key.arn, CiphertextBlob: blob, Plaintext: plaintext.toString('base64') };
      },
    ],
    [
      'Decrypt',
      (input) => {
        const blob = bytesOf(input, 'CiphertextBlob', 6144);
        const plaintext = unwrap(blob, input.EncryptionContext, input.KeyId);
        return { KeyId: key.arn, Plaintext: plaintext.toString('base64'), EncryptionAlgorithm: algorithm };
      },
    ],
    [
      'Encrypt',
      (input) => {
        requireKey(input.KeyId);
        const blob = wrap(bytesOf(input, 'Plaintext', maxPlaintextBytes), input.EncryptionContext);
        return { KeyId: key.arn, CiphertextBlob: blob, EncryptionAlgorithm: algorithm };
      },
    ],
    [
      'ReEncrypt',
      (input) => {
        requireKey(input.DestinationKeyId);
        const blob = bytesOf(input, 'CiphertextBlob', 6144);
        const plaintext = unwrap(blob, input.SourceEncryptionContext, input.SourceKeyId);
        return {
          KeyId: key.arn,
          SourceKeyId: key.arn,
          CiphertextBlob: wrap(plaintext, input.DestinationEncryptionContext),
          SourceEncryptionAlgorithm: algorithm,
          DestinationEncryptionAlgorithm: algorithm,
        };
      },
    ],
    [
      'DescribeKey',
      (input) => {
        requireKey(input.KeyId);
        return { KeyMetadata: describe(key) };
      },
    ],
  ]);
}

function describe(key: EmulatedKey): Json {
  return {
    AWSAccountId: '000000000000',
    KeyId: key.id,
    Arn: key.arn,
    Enabled: true,
    KeyState: 'Enabled',
    KeyUsage: 'ENCRYPT_DECRYPT',
    KeySpec: algorithm,
    EncryptionAlgorithms: [algorithm],
    KeyManager: 'CUSTOMER',
    Origin: 'AWS_KMS',
    MultiRegion: false,
    Description: 'Everhook KMS emulator, for development and tests only',
  };
}

/** KMS takes either a key spec or a number of bytes, never both. */
function dataKeyBytesOf({ KeySpec, NumberOfBytes }: Json): number {
  if (NumberOfBytes === undefined) {
    if (KeySpec === 'AES_256') return 32;
    if (KeySpec === 'AES_128') return 16;
  } else if (KeySpec === undefined && Number.isInteger(NumberOfBytes)) {
    const bytes = Number(NumberOfBytes);
    if (bytes >= 1 && bytes <= 1024) return bytes;
  }
  throw new KmsFault('ValidationException', 'Please specify either number of bytes or key spec.');
}

function bytesOf(input: Json, field: string, maxBytes: number): Buffer {
  const value = input[field];
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  if (bytes.length < 1 || bytes.length > maxBytes) {
    throw new KmsFault('ValidationException', `${field} must have between 1 and ${maxBytes} bytes`);
  }
  return bytes;
}

/** The context is a map, so its order must not matter: it is authenticated as JSON with sorted names. */
function aadOf(keyId: string, context: unknown): Buffer {
  const entries = Object.entries(context ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (typeof (context ?? {}) !== 'object' || entries.some(([, value]) => typeof value !== 'string')) {
    throw new KmsFault('ValidationException', 'EncryptionContext must be a map of strings');
  }
  return Buffer.from(JSON.stringify([keyId, entries]), 'utf8');
}

/** Layout: version, length of the key id, key id, IV, tag, ciphertext. */
function splitBlob(blob: Buffer): { wrappedBy: string; iv: Buffer; tag: Buffer; ct: Buffer } {
  const ivAt = 2 + (blob[1] ?? 0);
  const tagAt = ivAt + ivBytes;
  const ctAt = tagAt + tagBytes;
  if (blob[0] !== blobVersion || blob.length < ctAt) throw invalidCiphertext();
  return {
    wrappedBy: blob.toString('utf8', 2, ivAt),
    iv: blob.subarray(ivAt, tagAt),
    tag: blob.subarray(tagAt, ctAt),
    ct: blob.subarray(ctAt),
  };
}

function invalidCiphertext(): KmsFault {
  return new KmsFault('InvalidCiphertextException', 'The ciphertext or its encryption context is not valid');
}
