/** Tenants as the API shows them. */
import { Type } from 'typebox';
import type { Tenant } from '../../store/tenants';
import { TenantId, Text, Timestamp } from './common';

export const TenantParams = Type.Object({ id: TenantId });

export const TenantName = Text(255, { minLength: 1, examples: ['Acme Inc.'] });

export const ClientId = Type.String({ examples: ['ehc_01JH2YZK3WQ0T5E6R8D1M4X9CF'] });

export const ClientSecret = Type.String({ description: 'Only here.', examples: ['ehs_...'] });

export const TenantView = Type.Object({
  id: TenantId,
  name: Type.String({ examples: ['Acme Inc.'] }),
  client_id: ClientId,
  created_at: Timestamp,
  updated_at: Timestamp,
});

export function toTenantView(tenant: Tenant) {
  return {
    id: tenant.id,
    name: tenant.name,
    client_id: tenant.clientId,
    created_at: tenant.createdAt.toISOString(),
    updated_at: tenant.updatedAt.toISOString(),
  };
}
