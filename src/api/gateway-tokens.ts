/**
 * Access tokens that a gateway issued, checked against the keys it publishes. They are told from ours by
 * `iss`, and only asymmetric algorithms are taken: with one that is not, its public key would sign.
 */
import { createRemoteJWKSet, decodeJwt, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { EverhookError } from '../domain/errors';
import { scopes, type Scope } from './principal';

const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** How long the keys may take to come, in milliseconds; requests wait for it. */
const fetchTimeoutMs = 3_000;

/** Names of callers go into logs and the audit log, where they should be no longer and no stranger than this. */
const saneSubject = /^[\x20-\x7e]{1,255}$/;

export interface GatewayTokenOptions {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly tenantClaim: string;
  readonly scopeClaim: string;
}

export interface GatewayClaims {
  /** As the gateway says; nobody has looked whether there is such a tenant. */
  readonly tenantId: string;
  readonly subject: string;
  readonly scopes: readonly Scope[];
}

export interface GatewayTokens {
  /** Whether it claims to be the gateway's; nothing of it was verified. */
  claims(token: string): boolean;
  /**
   * @returns undefined for whatever is not a token of the gateway's that is valid now
   * @throws UNAVAILABLE when the keys cannot be had
   */
  verify(token: string): Promise<GatewayClaims | undefined>;
}

export function createGatewayTokens(options: GatewayTokenOptions): GatewayTokens {
  const { issuer, audience, tenantClaim, scopeClaim } = options;
  const getKey = publishedKeys(options.jwksUrl);
  return {
    claims(token) {
      try {
        return decodeJwt(token).iss === issuer;
      } catch {
        return false;
      }
    },

    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, getKey, {
          algorithms,
          issuer,
          audience,
          requiredClaims: ['exp', 'iat', 'sub'],
          maxTokenAge: '1 day',
          clockTolerance: 5,
        });
        const tenantId = ownValue(payload, tenantClaim);
        const subject = payload.sub;
        if (typeof tenantId !== 'string' || typeof subject !== 'string' || !saneSubject.test(subject)) return undefined;
        return { tenantId, subject, scopes: scopesIn(ownValue(payload, scopeClaim)) };
      } catch (error) {
        if (error instanceof EverhookError) throw error;
        // Why a token is refused is the caller's business only in so far as it is refused.
        return undefined;
      }
    },
  };
}

/** The gateway's keys by `kid` only; `jku`, `jwk` and `x5u` of a token are never looked at. */
function publishedKeys(jwksUrl: string): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: fetchTimeoutMs });
  return async (header, token) => {
    if (typeof header.kid !== 'string') throw new errors.JWTInvalid('no kid');
    try {
      return await keys(header, token);
    } catch (error) {
      if (isTokensFault(error)) throw error;
      throw new EverhookError('UNAVAILABLE', `no keys from JWT_JWKS_URL: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
}

function isTokensFault(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

function ownValue(payload: object, claim: string): unknown {
  return Object.hasOwn(payload, claim) ? (payload as Record<string, unknown>)[claim] : undefined;
}

/** Those we know, among names parted by spaces or in an array; a token without any may do nothing. */
function scopesIn(value: unknown): Scope[] {
  const named: unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  return scopes.filter((scope) => named.includes(scope));
}
