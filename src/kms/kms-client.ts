/**
 * The connection to AWS KMS, and the four calls Everhook makes with it.
 * KMS only wraps data keys: secrets themselves are sealed locally (envelope.ts) and never leave the process.
 */
import {
  DecryptCommand,
  DescribeKeyCommand,
  GenerateDataKeyCommand,
  KMSClient,
  ReEncryptCommand,
  type KMSClientConfig,
} from '@aws-sdk/client-kms';

export const dataKeyBytes = 32;

/** What KMS authenticates along with a data key. It shows in CloudTrail in clear, so it holds ids only. */
export type EncryptionContext = Readonly<Record<string, string>>;

/** Only what the data-key cache and the readiness probe need, so a test can pass plain functions. */
export interface KeyService {
  /**
   * @returns a new 32-byte key, in clear (the caller zeroes it) and wrapped, with the ARN of the KMS key that wrapped it
   * @throws the SDK's error when KMS refuses or cannot be reached
   */
  generateDataKey(context: EncryptionContext): Promise<{ plaintext: Buffer; wrapped: Buffer; keyArn: string }>;
  /**
   * @returns the 32-byte key in clear; the caller zeroes it
   * @throws InvalidCiphertextException when `wrapped` was altered or made under another context
   * @throws IncorrectKeyException when another KMS key than `keyArn` wrapped it
   */
  decryptDataKey(wrapped: Buffer, context: EncryptionContext, keyArn: string): Promise<Buffer>;
  /**
   * Wraps a key anew by the key service's own KMS key; the key in clear never leaves KMS.
   *
   * @throws as `decryptDataKey`
   */
  moveDataKey(
    wrapped: Buffer,
    from: { readonly keyArn: string; readonly context: EncryptionContext },
    to: { readonly context: EncryptionContext },
  ): Promise<{ wrapped: Buffer; keyArn: string }>;
  /** For readiness. @returns the ARN of the key that wraps new data keys @throws when it is not described or enabled */
  check(): Promise<{ keyArn: string }>;
}

export interface KmsClientOptions {
  region: string;
  /** Set for an emulator or a VPC endpoint; else AWS's own address for the region. */
  endpoint?: string | undefined;
  /** Left out, the SDK's default chain finds them (role, web identity, instance profile). */
  credentials?: KMSClientConfig['credentials'];
  /** Tries of one call, those after throttling included. Three unless given: about ten seconds. */
  maxAttempts?: number;
}

/**
 * A KMS client that gives up after about ten seconds, unless told otherwise: well inside the time an attempt has.
 * Close it with `destroy()`.
 */
export function createKmsClient({ region, endpoint, credentials, maxAttempts = 3 }: KmsClientOptions): KMSClient {
  return new KMSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    maxAttempts,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: 3_000,
      // Without this the SDK only logs a warning and goes on waiting.
      throwOnRequestTimeout: true,
    },
  });
}

/** @param deps.keyId id, ARN or alias of the symmetric key under which new data keys are wrapped */
export function createKeyService({ client, keyId }: { client: KMSClient; keyId: string }): KeyService {
  return {
    async generateDataKey(context) {
      const answer = await client.send(
        new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: { ...context } }),
      );
      if (!answer.CiphertextBlob || !answer.KeyId)
        throw new Error('KMS answered GenerateDataKey without a wrapped key');
      return {
        plaintext: dataKeyFrom(answer.Plaintext, 'GenerateDataKey'),
        wrapped: Buffer.from(answer.CiphertextBlob),
        keyArn: answer.KeyId,
      };
    },

    async decryptDataKey(wrapped, context, keyArn) {
      // Naming the key keeps KMS from opening a blob that was wrapped under some other key we may use.
      const answer = await client.send(
        new DecryptCommand({ KeyId: keyArn, CiphertextBlob: wrapped, EncryptionContext: { ...context } }),
      );
      return dataKeyFrom(answer.Plaintext, 'Decrypt');
    },

    async moveDataKey(wrapped, from, to) {
      const answer = await client.send(
        new ReEncryptCommand({
          CiphertextBlob: wrapped,
          SourceKeyId: from.keyArn,
          SourceEncryptionContext: { ...from.context },
          DestinationKeyId: keyId,
          DestinationEncryptionContext: { ...to.context },
        }),
      );
      if (!answer.CiphertextBlob || !answer.KeyId) throw new Error('KMS answered ReEncrypt without a wrapped key');
      return { wrapped: Buffer.from(answer.CiphertextBlob), keyArn: answer.KeyId };
    },

    async check() {
      const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: keyId }));
      if (KeyMetadata?.KeyState !== 'Enabled' || KeyMetadata.Arn === undefined) {
        throw new Error(`KMS key ${keyId} is in state ${KeyMetadata?.KeyState ?? 'unknown'}, not Enabled`);
      }
      return { keyArn: KeyMetadata.Arn };
    },
  };
}

/** The same memory as the SDK's answer, so that zeroing the returned buffer leaves no second copy. */
function dataKeyFrom(plaintext: Uint8Array | undefined, operation: string): Buffer {
  if (plaintext?.byteLength !== dataKeyBytes) throw new Error(`KMS answered ${operation} without a 32-byte key`);
  return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
}
