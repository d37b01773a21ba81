-- Who may touch what. `hook_svc` serves one tenant at a time and sees only the rows of the tenant
-- that its transaction names in app.tenant. `hook_worker` does what crosses tenants by nature.
-- FORCE holds for the tables' owner as well, so that a wrong connection string reveals nothing.
GRANT SELECT, INSERT ON hook.tenants, hook.quotas TO hook_svc;
GRANT SELECT, INSERT, UPDATE ON hook.webhook_configs TO hook_svc;
GRANT INSERT ON hook.audit_logs TO hook_svc;
GRANT SELECT ON hook.deliveries, hook.delivery_attempts TO hook_svc;

GRANT SELECT ON hook.tenants, hook.quotas TO hook_worker;
GRANT SELECT, INSERT ON hook.data_keys, hook.events, hook.delivery_attempts TO hook_worker;
GRANT SELECT, INSERT, UPDATE ON hook.deliveries TO hook_worker;
GRANT SELECT, UPDATE ON hook.webhook_configs TO hook_worker;
GRANT INSERT ON hook.audit_logs TO hook_worker;
REVOKE ALL ON FUNCTION hook.ensure_attempt_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hook.ensure_attempt_partitions(integer) TO hook_worker;

-- NULLIF: after the first transaction of a session that set it, an unset setting reads as ''.
CREATE FUNCTION hook.current_tenant() RETURNS text LANGUAGE sql STABLE
  RETURN NULLIF(current_setting('app.tenant', true), '');

DO $$
DECLARE
  table_name text;
  tenant_column text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY[
    'tenants', 'quotas', 'data_keys', 'audit_logs', 'webhook_configs', 'events', 'deliveries', 'delivery_attempts'
  ] LOOP
    tenant_column := CASE table_name WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END;
    EXECUTE format('ALTER TABLE hook.%I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE hook.%I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
      'CREATE POLICY own_tenant ON hook.%I TO hook_svc USING (%I = hook.current_tenant()) WITH CHECK (%I = hook.current_tenant())',
      table_name, tenant_column, tenant_column);
    EXECUTE format('CREATE POLICY every_tenant ON hook.%I TO hook_worker USING (true) WITH CHECK (true)', table_name);
  END LOOP;
END
$$;
