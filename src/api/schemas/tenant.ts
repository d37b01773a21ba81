/** Tenants as the API shows them. */
import { Type } from 'typebox';
import type { Tenant } from '../../store/tenants';
import { TenantId, Timestamp } from './common';

export const TenantParams = Type.Object({ id: TenantId });

export const TenantView = Type.Object({
  id: TenantId,
  name: Type.String(),
  client_id: Type.String(),
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
