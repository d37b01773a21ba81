-- Drops the indexes of Temporal's visibility store that no query of Everhook, of the Temporal UI's lists for it or of
-- the server itself uses. Run it in the visibility database, as the owner of its tables, after the schema was set up
-- or updated: an update of the schema may bring some of them back. Filters on anything else go on working, as scans.
DO $$
DECLARE
  dropped text;
BEGIN
  FOR dropped IN
    SELECT indexname FROM pg_indexes
    WHERE schemaname = current_schema() AND tablename = 'executions_visibility'
      AND indexname NOT IN (
        'executions_visibility_pkey', 'default_idx',
        -- Lists by id, type and status.
        'by_workflow_id', 'by_workflow_type', 'by_status',
        -- TenantId, WebhookId, EventType, EventId and DeliveryStatus: they get the first five columns, whichever
        -- has which, where Everhook's are the first attributes of the namespace.
        'by_keyword_01', 'by_keyword_02', 'by_keyword_03', 'by_keyword_04', 'by_keyword_05',
        -- The server's own: schedules and batches are told apart by it, and releases are drained by the others.
        'by_temporal_namespace_division', 'by_temporal_worker_deployment_version', 'by_used_deployment_versions'
      )
  LOOP
    EXECUTE format('DROP INDEX %I', dropped);
  END LOOP;
END
$$;
