CREATE INDEX deliveries_claimed ON hook.deliveries (claimed_until) WHERE claimed_until IS NOT NULL;
DROP INDEX hook.deliveries_claimed_by_tenant;
