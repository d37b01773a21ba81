/**
 * A stand-in for AWS KMS with symmetric keys, for development and tests only.
 * It listens on loopback only and does not check signatures: whoever reaches the port may use the key.
 * It speaks what the real SDK speaks (AWS JSON 1.1), so no code of ours knows the difference.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKmsOperations, KmsFault, type Json, type KmsOperations } from './kms-operations';

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

  const { keyArn, operations } = createKmsOperations({ keyId, masterKey });
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

async function answer(operations: KmsOperations, request: IncomingMessage): Promise<Json> {
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
