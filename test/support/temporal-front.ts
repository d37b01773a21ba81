/** Stands before a Temporal server, as Temporal Cloud does: TLS with client certificates, and a note of who called. */
import { connect, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Issued } from './certificates';

export interface TemporalFront {
  readonly address: string;
  /** Names of the client certificates that came. */
  readonly clients: Set<string>;
  /** Values of the header `authorization`, and undefined for calls without it. */
  readonly authorizations: Set<string | undefined>;
  stop(): Promise<void>;
}

export interface FrontOptions {
  readonly temporalAddress: string;
  readonly server: Issued;
  /** Clients must show a certificate of this authority. */
  readonly clientCa?: Buffer;
}

export async function startTemporalFront({
  temporalAddress,
  server: issued,
  clientCa,
}: FrontOptions): Promise<TemporalFront> {
  const clients = new Set<string>();
  const authorizations = new Set<string | undefined>();
  const upstream = connect(`http://${temporalAddress}`);
  upstream.on('error', () => {});
  const server = createSecureServer({
    cert: issued.cert,
    key: issued.key,
    ...(clientCa && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  });
  const sockets = new Set<TLSSocket>();
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    if (clientCa) clients.add(String(socket.getPeerCertificate().subject?.CN));
  });
  server.on('sessionError', () => {});
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    authorizations.add(headers.authorization);
    const call = upstream.request(headers);
    let trailers = {};
    call.on('response', (answer, flags) => {
      const isOver = (flags & endOfStream) !== 0;
      if (!stream.destroyed) stream.respond(answer, isOver ? { endStream: true } : { waitForTrailers: true });
    });
    call.on('trailers', (sent) => (trailers = sent));
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.on('error', () => call.close());
    stream.on('aborted', () => call.close());
    call.on('error', () => stream.close());
    stream.pipe(call);
    call.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    clients,
    authorizations,
    stop: () =>
      new Promise((resolve) => {
        upstream.destroy();
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Flag of an HTTP/2 frame. */
const endOfStream = 1;
