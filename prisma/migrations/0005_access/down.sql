DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY[
    'tenants', 'quotas', 'data_keys', 'audit_logs', 'webhook_configs', 'events', 'deliveries', 'delivery_attempts'
  ] LOOP
    EXECUTE format('DROP POLICY own_tenant ON hook.%I', table_name);
    EXECUTE format('DROP POLICY every_tenant ON hook.%I', table_name);
    EXECUTE format('ALTER TABLE hook.%I NO FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE hook.%I DISABLE ROW LEVEL SECURITY', table_name);
  END LOOP;
END
$$;

DROP FUNCTION hook.current_tenant();
REVOKE ALL ON ALL TABLES IN SCHEMA hook FROM hook_svc, hook_worker;
REVOKE EXECUTE ON FUNCTION hook.ensure_attempt_partitions(integer) FROM hook_worker;
GRANT EXECUTE ON FUNCTION hook.ensure_attempt_partitions(integer) TO PUBLIC;
