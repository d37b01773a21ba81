/** Who calls, once the credentials were checked. */
import { EverhookError } from '../domain/errors';
import type { Actor } from '../store/audit';
import type { FastifyRequest } from 'fastify';

export const scopes = [
  'read:webhooks',
  'write:webhooks',
  'read:events',
  'write:events',
  'read:deliveries',
  'write:deliveries',
  'read:audit',
  'read:quotas',
] as const;

export type Scope = (typeof scopes)[number];

export type Principal =
  | { readonly kind: 'admin'; readonly tenantId: string | null }
  | {
      readonly kind: 'client';
      readonly tenantId: string;
      readonly clientId: string;
      readonly scopes: readonly Scope[];
    }
  | {
      readonly kind: 'key';
      readonly tenantId: string;
      readonly keyId: string;
      readonly scopes: readonly Scope[];
    }
  | {
      readonly kind: 'gateway';
      readonly tenantId: string;
      /** Of the gateway's token; null when the gateway named the tenant in a header. */
      readonly subject: string | null;
      readonly scopes: readonly Scope[];
    };

/** What the caller may do of all that can be done for a tenant. */
export function callerScopes({ principal }: FastifyRequest): readonly Scope[] {
  if (principal === null) return [];
  return principal.kind === 'admin' ? scopes : principal.scopes;
}

/** @throws VALIDATION_ERROR when an admin did not say whose data is meant */
export function tenantOf(request: FastifyRequest): string {
  const tenantId = request.principal?.tenantId;
  if (tenantId === undefined || tenantId === null) {
    throw new EverhookError('VALIDATION_ERROR', 'admin without x-tenant-id', {
      field: 'x-tenant-id',
      publicMessage: 'The admin token belongs to no tenant; name one in the x-tenant-id header.',
    });
  }
  return tenantId;
}

/** The body may name the tenant, as long as it is the caller's own. @throws FORBIDDEN */
export function requireOwnTenant(request: FastifyRequest, tenantId: string | undefined): string {
  const own = tenantOf(request);
  if (tenantId !== undefined && tenantId !== own) {
    throw new EverhookError('FORBIDDEN', `tenant_id ${tenantId} in the body of ${own}`, {
      field: 'tenant_id',
      publicMessage: 'tenant_id must be the tenant of your credentials; leave it out.',
    });
  }
  return own;
}

export function actorOf(request: FastifyRequest): Actor {
  const { principal } = request;
  return { name: principal === null ? 'anonymous' : nameOf(principal), requestId: request.id };
}

function nameOf(principal: Principal): string {
  switch (principal.kind) {
    case 'admin':
      return 'admin';
    case 'client':
      return `client:${principal.clientId}`;
    case 'key':
      return `key:${principal.keyId}`;
    case 'gateway':
      return principal.subject === null ? 'gateway' : `gateway:${principal.subject}`;
  }
}
