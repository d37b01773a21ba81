-- A tenant reads its own audit log, whole or by action. Rows are added by both roles; nobody but the
-- owner of the table, whom no policy lets see a row, may change or delete one.
GRANT SELECT ON hook.audit_logs TO hook_svc;
CREATE INDEX audit_logs_by_action ON hook.audit_logs (tenant_id, action, id);

-- The admin's view over the webhooks of all tenants: by state, and those that are not well. The second
-- names failing_since and not consecutive_failures, which are set and cleared together: a failure after
-- the first one then changes no indexed column, so that it writes into no index.
CREATE INDEX webhook_configs_by_state ON hook.webhook_configs (state, id) WHERE deleted_at IS NULL;
CREATE INDEX webhook_configs_unhealthy ON hook.webhook_configs (id)
  WHERE deleted_at IS NULL AND (failing_since IS NOT NULL OR state_reason IN ('gone', 'failing', 'dlq_full'));
