/**
 * Who calls and whether they may. Runs before a body is read, so that strangers cannot make us parse.
 * A route that does not say who may call it stops the app from being built.
 */
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { LRUCache } from 'lru-cache';
import { EverhookError } from '../../domain/errors';
import { tenantIdPattern } from '../../domain/ids';
import type { Tenants } from '../../store/tenants';
import type { AccessTokens } from '../access-tokens';
import type { Access } from '../http';
import { scopes, type Principal } from '../principal';
import { hashSecret, isSecret } from '../secret-hash';

export interface AuthenticationOptions {
  readonly adminToken: string | undefined;
  readonly accessTokens: AccessTokens;
  readonly tenants: Pick<Tenants, 'credentialsVersion'>;
}

/** How long a revoked token may still be taken: the price of not asking the database for each request. */
const versionCacheMs = 2_000;

export const authenticationPlugin = fp<AuthenticationOptions>((app, options) => {
  const adminHash = options.adminToken === undefined ? undefined : hashSecret(options.adminToken);
  const versions = new LRUCache<string, number>({ max: 10_000, ttl: versionCacheMs });
  const tenantId = new RegExp(tenantIdPattern);

  app.decorateRequest('principal', null);
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.access === undefined) throw new Error(`The route ${url} does not say who may call it`);
  });
  app.addHook('onRequest', async (request) => {
    const { access } = request.routeOptions.config;
    if (access === undefined || access === 'public') return;
    request.principal = await authenticate(request);
    authorize(request.principal, access);
  });
  return Promise.resolve();

  async function authenticate(request: FastifyRequest): Promise<Principal> {
    const token = /^Bearer ([^\s]+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) throw new EverhookError('UNAUTHORIZED', 'no bearer token');
    if (adminHash !== undefined && isSecret(token, adminHash)) return asAdmin(request);

    const claims = await options.accessTokens.verify(token);
    if (!claims || claims.credentialsVersion !== (await currentVersion(claims.tenantId))) {
      throw new EverhookError('UNAUTHORIZED', 'bearer token refused');
    }
    return { kind: 'client', tenantId: claims.tenantId, clientId: claims.clientId, scopes: claims.scopes };
  }

  async function asAdmin(request: FastifyRequest): Promise<Principal> {
    const named = request.headers['x-tenant-id'];
    if (named === undefined) return { kind: 'admin', tenantId: null };
    const known = typeof named === 'string' && tenantId.test(named) && (await currentVersion(named)) !== undefined;
    if (!known) {
      throw new EverhookError('NOT_FOUND', 'unknown x-tenant-id', {
        field: 'x-tenant-id',
        publicMessage: 'There is no such tenant.',
      });
    }
    return { kind: 'admin', tenantId: named };
  }

  async function currentVersion(tenant: string): Promise<number | undefined> {
    const cached = versions.get(tenant);
    if (cached !== undefined) return cached;
    const version = await options.tenants.credentialsVersion(tenant);
    // That there is no such tenant is not kept: it may be created in the next moment and used at once.
    if (version !== undefined) versions.set(tenant, version);
    return version;
  }
});

function authorize(principal: Principal, access: Exclude<Access, 'public'>): void {
  if (principal.kind === 'admin') return;
  if (access === 'admin') {
    throw new EverhookError('FORBIDDEN', 'not the admin', { publicMessage: 'Only the admin token may do this.' });
  }
  if (!principal.scopes.includes(access.scope)) {
    throw new EverhookError('FORBIDDEN', `lacks ${access.scope}`, {
      publicMessage: `These credentials lack the scope ${access.scope}.`,
      details: { required: access.scope, known: scopes },
    });
  }
}
