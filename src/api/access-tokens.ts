/** Access tokens: signed by us, short-lived, and worthless once the tenant's credentials change. */
import { randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { ownIssuer as issuer } from '../config';
import { scopes, type Scope } from './principal';

/** RFC 9068 fixes the type. */
const type = 'at+jwt';
const audience = 'everhook-api';
const algorithm = 'HS256';

/** Seconds; also what `expires_in` says. */
export const tokenLifetimeSeconds = 3600;

export interface TokenClaims {
  readonly tenantId: string;
  readonly clientId: string;
  readonly scopes: readonly Scope[];
  /** Of the tenant when the token was issued. */
  readonly credentialsVersion: number;
}

export interface AccessTokens {
  issue(claims: TokenClaims): Promise<string>;
  /** @returns undefined for whatever is not a token of ours that is valid now */
  verify(token: string): Promise<TokenClaims | undefined>;
}

export function createAccessTokens(secret: string): AccessTokens {
  const key = new TextEncoder().encode(secret);
  return {
    issue: (claims) =>
      new SignJWT({ tenant_id: claims.tenantId, scope: claims.scopes.join(' '), cv: claims.credentialsVersion })
        .setProtectedHeader({ alg: algorithm, typ: type })
        .setSubject(claims.clientId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime(`${tokenLifetimeSeconds}s`)
        .sign(key),

    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [algorithm],
          issuer,
          audience,
          typ: type,
          requiredClaims: ['exp', 'iat', 'sub'],
          maxTokenAge: tokenLifetimeSeconds,
          clockTolerance: 5,
        });
        const { sub, tenant_id, scope, cv } = payload;
        if (typeof sub !== 'string' || typeof tenant_id !== 'string') return undefined;
        if (typeof scope !== 'string' || typeof cv !== 'number') return undefined;
        return { tenantId: tenant_id, clientId: sub, scopes: toScopes(scope), credentialsVersion: cv };
      } catch {
        // Why a token is refused is the caller's business only in so far as it is refused.
        return undefined;
      }
    },
  };
}

/** The scopes we know among those in an OAuth scope string. */
export function toScopes(scope: string): Scope[] {
  const asked = scope.split(' ');
  return scopes.filter((known) => asked.includes(known));
}
