/**
 * Who calls, by the credentials of the request: the admin's token, what a trusted gateway says, an API key
 * or an access token, in this order. Whatever is wrong with them, the answer is the same.
 */
import type { FastifyRequest } from 'fastify';
import type { AddressRanges } from '../address-ranges';
import { EverhookError, invalidField } from '../domain/errors';
import { tenantIdPattern } from '../domain/ids';
import type { Tenants } from '../store/tenants';
import type { AccessTokens } from './access-tokens';
import { createCredentialCache } from './credential-cache';
import type { GatewayTokens } from './gateway-tokens';
import { createKeyLogin, type KeyLoginDeps } from './key-login';
import { scopes, type Principal, type Scope } from './principal';
import { hashSecret, isSecret } from './secret-hash';

export interface AuthenticationDeps extends KeyLoginDeps {
  readonly config: { readonly ADMIN_TOKEN?: string; readonly TRUST_GATEWAY_HEADERS: boolean };
  readonly accessTokens: AccessTokens;
  /** Undefined without a gateway that issues tokens. */
  readonly gatewayTokens: GatewayTokens | undefined;
  readonly trustedProxies: AddressRanges;
  readonly tenants: Pick<Tenants, 'credentialsVersion'>;
}

/** @throws UNAUTHORIZED, VALIDATION_ERROR for credentials of two kinds, NOT_FOUND for an unknown x-tenant-id */
export type Authenticate = (request: FastifyRequest) => Promise<Principal>;

export function createAuthenticate(deps: AuthenticationDeps): Authenticate {
  const adminHash = deps.config.ADMIN_TOKEN === undefined ? undefined : hashSecret(deps.config.ADMIN_TOKEN);
  const versions = createCredentialCache<number>();
  const tenantId = new RegExp(tenantIdPattern);
  const keyLogin = createKeyLogin(deps);

  return async (request) => {
    const { authorization, 'x-api-key': key } = request.headers;
    if (authorization !== undefined && key !== undefined) {
      throw invalidField('x-api-key', 'Send either x-api-key or Authorization, not both.');
    }
    const token = /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1];
    if (token !== undefined && adminHash !== undefined && isSecret(token, adminHash)) return asAdmin(request);

    const account = vouchedAccount(request);
    if (account !== undefined) return asAccount(account, null, scopes);
    if (typeof key === 'string') return (await keyLogin(key)) ?? refuse('API key refused');
    return token === undefined ? refuse('no bearer token') : asBearer(token);
  };

  async function asAdmin(request: FastifyRequest): Promise<Principal> {
    const named = request.headers['x-tenant-id'];
    if (named === undefined) return { kind: 'admin', tenantId: null };
    if (typeof named !== 'string' || !(await isTenant(named))) {
      throw new EverhookError('NOT_FOUND', 'unknown x-tenant-id', {
        field: 'x-tenant-id',
        publicMessage: 'There is no such tenant.',
      });
    }
    return { kind: 'admin', tenantId: named };
  }

  /** The header counts from the peer of the connection itself, not from an address it forwards. */
  function vouchedAccount({ headers, socket }: FastifyRequest): string | undefined {
    const account = headers['x-account-id'];
    if (account === undefined || !deps.config.TRUST_GATEWAY_HEADERS) return undefined;
    return deps.trustedProxies.includes(socket.remoteAddress) ? String(account) : undefined;
  }

  async function asAccount(account: string, subject: string | null, granted: readonly Scope[]): Promise<Principal> {
    if (!(await isTenant(account))) return refuse('the gateway names an unknown tenant');
    return { kind: 'gateway', tenantId: account, subject, scopes: granted };
  }

  async function asBearer(token: string): Promise<Principal> {
    if (deps.gatewayTokens?.claims(token) === true) {
      const claims = await deps.gatewayTokens.verify(token);
      return claims ? asAccount(claims.tenantId, claims.subject, claims.scopes) : refuse("gateway's token refused");
    }
    const claims = await deps.accessTokens.verify(token);
    if (!claims || claims.credentialsVersion !== (await currentVersion(claims.tenantId))) {
      return refuse('bearer token refused');
    }
    return { kind: 'client', tenantId: claims.tenantId, clientId: claims.clientId, scopes: claims.scopes };
  }

  async function isTenant(name: string): Promise<boolean> {
    return tenantId.test(name) && (await currentVersion(name)) !== undefined;
  }

  async function currentVersion(tenant: string): Promise<number | undefined> {
    const cached = versions.get(tenant);
    if (cached !== undefined) return cached;
    const version = await deps.tenants.credentialsVersion(tenant);
    // That there is no such tenant is not kept: it may be created in the next moment and used at once.
    if (version !== undefined) versions.set(tenant, version);
    return version;
  }
}

function refuse(detail: string): never {
  throw new EverhookError('UNAUTHORIZED', detail);
}
