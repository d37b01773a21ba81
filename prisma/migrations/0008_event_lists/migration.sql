-- Lists of events and deliveries by what they can be filtered by, each served by an index.
--
-- Types are compared without regard to case. `lower(type) = ...` could not use an index here: lower()
-- is not leakproof, so that Postgres evaluates it only after the row-level policies. Hence a column.
ALTER TABLE hook.events ADD COLUMN type_key text COLLATE "C" GENERATED ALWAYS AS (lower(type)) STORED;
ALTER TABLE hook.deliveries ADD COLUMN event_type_key text COLLATE "C" GENERATED ALWAYS AS (lower(event_type)) STORED;

CREATE INDEX events_by_time ON hook.events (tenant_id, created_at, id);
CREATE INDEX events_by_type ON hook.events (tenant_id, type_key, created_at, id);

CREATE INDEX deliveries_by_type ON hook.deliveries (tenant_id, event_type_key, id);
-- Open, dead and cancelled deliveries. Those that succeeded are left out: they are nearly all, the
-- lists above find them at once, and a delivery that succeeds writes nothing into these.
CREATE INDEX deliveries_unsuccessful ON hook.deliveries (tenant_id, status, id) WHERE status <> 'SUCCESS';
CREATE INDEX deliveries_unsuccessful_by_webhook ON hook.deliveries (webhook_id, status, id) WHERE status <> 'SUCCESS';

CREATE INDEX delivery_attempts_by_webhook ON hook.delivery_attempts (webhook_id, outcome, attempted_at);

GRANT SELECT ON hook.events TO hook_svc;
