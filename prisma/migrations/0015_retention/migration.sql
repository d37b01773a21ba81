-- When the state was changed last: what is published about the change tells it, and tells the same whenever it is repeated.
ALTER TABLE hook.webhook_configs ADD COLUMN state_changed_at timestamptz(3);

-- Retention removes what has ended long ago. What hook_worker may delete is held here, whatever its queries
-- say: nothing open, nothing of the last day, no event that has a delivery, no attempt that has a delivery.
-- OFFSET 0 keeps each check one look into an index; Postgres might hash the whole table for it otherwise.
GRANT DELETE ON hook.deliveries, hook.delivery_attempts, hook.events, hook.replays TO hook_worker;
CREATE POLICY only_ended ON hook.deliveries AS RESTRICTIVE FOR DELETE TO hook_worker
  USING (status IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED') AND completed_at < now() - interval '1 day');
CREATE POLICY only_left_behind ON hook.delivery_attempts AS RESTRICTIVE FOR DELETE TO hook_worker
  USING (NOT EXISTS (SELECT 1 FROM hook.deliveries d WHERE d.id = delivery_attempts.delivery_id OFFSET 0));
CREATE POLICY only_left_behind ON hook.events AS RESTRICTIVE FOR DELETE TO hook_worker
  USING (created_at < now() - interval '1 day' AND NOT EXISTS (
    SELECT 1 FROM hook.deliveries d WHERE d.tenant_id = events.tenant_id AND d.event_id = events.id OFFSET 0));
CREATE POLICY only_ended ON hook.replays AS RESTRICTIVE FOR DELETE TO hook_worker
  USING (state IN ('completed', 'cancelled') AND completed_at < now() - interval '1 day');

-- Partitions and audit rows are the owner's to remove, by the two functions below. The owner sees no row,
-- so that these functions look through policies of their own, which hold only while they run.
CREATE POLICY retention ON hook.deliveries FOR SELECT TO CURRENT_USER
  USING (current_setting('app.retention', true) = 'on');
CREATE POLICY retention ON hook.delivery_attempts FOR SELECT TO CURRENT_USER
  USING (current_setting('app.retention', true) = 'on');
CREATE POLICY retention ON hook.audit_logs FOR SELECT TO CURRENT_USER
  USING (current_setting('app.retention', true) = 'on' AND created_at < now() - interval '30 days');
CREATE POLICY retention_delete ON hook.audit_logs FOR DELETE TO CURRENT_USER
  USING (current_setting('app.retention', true) = 'on' AND created_at < now() - interval '30 days');

-- Drops the partition of one day, unless some delivery that is still there has attempts in it. Attempts of a
-- day belong to deliveries that were made until then; ids are times, and two days are room for every clock.
-- Dropping takes a lock that every attempt would wait behind, so it gives up soon and is tried another time.
--   below_id  the lowest id of a delivery made two days later
-- Returns whether it was dropped.
CREATE FUNCTION hook.drop_attempt_partition(day date, below_id text) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = hook, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
  partition text := 'delivery_attempts_' || to_char(day, 'YYYYMMDD');
  is_held   boolean;
BEGIN
  IF day >= current_date - 1 THEN
    RAISE EXCEPTION 'attempts of the last day are kept' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('hook.attempt_partitions', 0));
  IF NOT EXISTS (SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'hook.delivery_attempts'::regclass AND c.relname = partition) THEN
    RETURN false;
  END IF;
  PERFORM set_config('app.retention', 'on', true);
  is_held := EXISTS (
    SELECT 1 FROM hook.deliveries d WHERE d.id < below_id AND EXISTS (
      SELECT 1 FROM hook.delivery_attempts a WHERE a.attempted_on = day AND a.delivery_id = d.id OFFSET 0));
  PERFORM set_config('app.retention', '', true);
  IF is_held THEN
    RETURN false;
  END IF;
  EXECUTE format('DROP TABLE hook.%I', partition);
  RETURN true;
EXCEPTION
  WHEN lock_not_available THEN RETURN false;
END
$$;

-- Removes audit rows, of up to 1,000 that follow an id, those that are older than a time. Nothing of the last
-- 30 days, whoever asks: what somebody did who got hold of a worker stays readable that long.
CREATE FUNCTION hook.remove_audit_logs(
  after_id text, below_id text, before timestamptz, at_most integer,
  OUT last_id text,  -- of the rows looked at; null when there were none
  OUT seen integer,
  OUT removed integer
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = hook, pg_temp AS $$
BEGIN
  PERFORM set_config('app.retention', 'on', true);
  WITH page AS (
    SELECT id FROM hook.audit_logs WHERE id > after_id AND id < below_id ORDER BY id LIMIT LEAST(at_most, 1000)
  ), gone AS (
    DELETE FROM hook.audit_logs
    WHERE id > after_id AND id <= (SELECT max(id) FROM page) AND created_at < before RETURNING 1
  )
  SELECT max(id), count(*), (SELECT count(*) FROM gone) INTO last_id, seen, removed FROM page;
  PERFORM set_config('app.retention', '', true);
END
$$;

REVOKE ALL ON FUNCTION hook.drop_attempt_partition(date, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION hook.remove_audit_logs(text, text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hook.drop_attempt_partition(date, text) TO hook_worker;
GRANT EXECUTE ON FUNCTION hook.remove_audit_logs(text, text, timestamptz, integer) TO hook_worker;
