-- The sweep takes what was left behind from one tenant after another, the oldest of each first.
CREATE INDEX deliveries_claimed_by_tenant ON hook.deliveries (tenant_id, claimed_until) WHERE claimed_until IS NOT NULL;
DROP INDEX hook.deliveries_claimed;
