/** A gateway that issues tokens: its keys over HTTP, as JWT_JWKS_URL finds them, and tokens signed with them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTHeaderParameters, type JWTPayload } from 'jose';

export interface TokenGateway {
  readonly url: string;
  /** How often its keys were fetched. */
  fetches: number;
  /** Public key as PEM, for those who want to sign with it. */
  readonly publicPem: string;
  /** What it answers to who asks for the keys; a number is a status, 'hang' no answer at all. */
  answer: 'keys' | 'hang' | number;
  /** A valid token but for what is changed; undefined leaves a claim out. */
  sign(claims: JWTPayload, header?: Partial<JWTHeaderParameters>, key?: 'stranger'): Promise<string>;
  stop(): Promise<void>;
}

export const gatewayIssuer = 'https://gateway.example';
export const gatewayAudience = 'everhook';

export async function startTokenGateway(algorithm = 'RS256'): Promise<TokenGateway> {
  const own = await generateKeyPair(algorithm, { extractable: true });
  const stranger = await generateKeyPair(algorithm);
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'key-1', alg: algorithm, use: 'sig' };

  const server = createServer((_request, response) => {
    gateway.fetches++;
    if (gateway.answer === 'hang') return;
    response.statusCode = gateway.answer === 'keys' ? 200 : gateway.answer;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const gateway: TokenGateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    publicPem: await exportSPKI(own.publicKey),
    answer: 'keys',
    fetches: 0,
    sign(claims, header = {}, key) {
      const now = Math.floor(Date.now() / 1000);
      const payload = { iss: gatewayIssuer, aud: gatewayAudience, sub: 'customer-7', iat: now, exp: now + 300 };
      return new SignJWT({ ...payload, ...claims })
        .setProtectedHeader({ alg: algorithm, kid: 'key-1', ...header })
        .sign(key === 'stranger' ? stranger.privateKey : own.privateKey);
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return gateway;
}
