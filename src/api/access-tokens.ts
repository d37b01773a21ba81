/** Access tokens: signed by us, short-lived, and worthless once the tenant's credentials change. */
import { randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { ownIssuer as issuer } from '../config';
import { scopes, type Scope } from './principal';

/** RFC 9068 fixes the type. */
const type = 'at+jwt';
const audience = 'everhook-api';
const algorithm = 'HS256';

/** Seconds; also what `expires_in` says. */
export const tokenLifetimeSeconds = 3600;

/** Seconds that the clocks of two of our processes may be apart. */
const clockToleranceSeconds = 5;

/** Tokens whose signature is not computed again: it costs a sixth of what accepting an event does. */
const maxVerified = 10_000;

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
  // Nothing of a token changes once it is signed, so that only its end is to be looked at again.
  const verified = new LRUCache<string, VerifiedToken>({ max: maxVerified });
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
      const known = verified.get(token);
      if (known !== undefined && Date.now() < known.endsAtMs) return known.claims;
      verified.delete(token);
      const fresh = await verifySignature(token, key);
      if (fresh !== undefined) verified.set(token, fresh);
      return fresh?.claims;
    },
  };
}

interface VerifiedToken {
  readonly claims: TokenClaims;
  readonly endsAtMs: number;
}

async function verifySignature(token: string, key: Uint8Array): Promise<VerifiedToken | undefined> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [algorithm],
      issuer,
      audience,
      typ: type,
      requiredClaims: ['exp', 'iat', 'sub'],
      maxTokenAge: tokenLifetimeSeconds,
      clockTolerance: clockToleranceSeconds,
    });
    const { sub, tenant_id, scope, cv, exp = 0, iat = 0 } = payload;
    if (typeof sub !== 'string' || typeof tenant_id !== 'string') return undefined;
    if (typeof scope !== 'string' || typeof cv !== 'number') return undefined;
    const claims = { tenantId: tenant_id, clientId: sub, scopes: toScopes(scope), credentialsVersion: cv };
    return { claims, endsAtMs: (Math.min(exp, iat + tokenLifetimeSeconds) + clockToleranceSeconds) * 1000 };
  } catch {
    // Why a token is refused is the caller's business only in so far as it is refused.
    return undefined;
  }
}

/** The scopes we know among those in an OAuth scope string. */
export function toScopes(scope: string): Scope[] {
  const asked = scope.split(' ');
  return scopes.filter((known) => asked.includes(known));
}
