-- A worker that could always use more slots kept all that there were. It learns now between how many they are to be
-- shared, and holds no more than its part while another lacks some.
DROP FUNCTION hook.lease_slots(text, text[], text[], integer[], integer[], integer[], integer);

-- Leases, renews and gives back slots of many webhooks and tenants at once. By this server's clock.
--   wanted  slots the worker would like to hold; what it has taken counts in any case
--   most    the limit, over all workers
-- Answers with `n`, the place in the arrays; `contended` tells that another worker lacks slots, and `workers` how
-- many hold or want some, this one among them.
CREATE FUNCTION hook.lease_slots(
  worker text, tenants text[], webhooks text[], wanted integer[], taken integer[], most integer[], lease_ms integer
) RETURNS TABLE (n integer, granted integer, contended boolean, workers integer) LANGUAGE plpgsql AS $$
DECLARE
  ask      record;
  others   bigint;
  asked_at timestamptz;
BEGIN
  -- In one order, so that two workers that ask for several cannot wait for each other.
  FOR ask IN
    SELECT a.* FROM unnest(tenants, webhooks, wanted, taken, most) WITH ORDINALITY
      AS a (tenant, webhook, wanted, taken, most, n) ORDER BY a.tenant, a.webhook
  LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended('hook.in_flight:' || ask.tenant || ':' || ask.webhook, 0));
    asked_at := clock_timestamp();
    SELECT coalesce(sum(l.slots), 0), coalesce(bool_or(l.short_at > asked_at - interval '10 seconds'), false),
           count(*) + 1
      INTO others, contended, workers
      FROM hook.in_flight_leases l
      WHERE l.tenant_id = ask.tenant AND l.webhook_id = ask.webhook AND l.worker_id <> worker AND l.until > asked_at;
    n := ask.n;
    granted := least(ask.wanted, greatest(ask.most - others, 0));

    IF ask.wanted = 0 AND ask.taken = 0 THEN
      DELETE FROM hook.in_flight_leases l
        WHERE l.tenant_id = ask.tenant AND l.webhook_id = ask.webhook
          AND (l.worker_id = worker OR l.until < asked_at - interval '1 minute');
    ELSE
      INSERT INTO hook.in_flight_leases AS l (tenant_id, webhook_id, worker_id, slots, used, until, short_at)
        VALUES (ask.tenant, ask.webhook, worker, greatest(granted, ask.taken), ask.taken,
                asked_at + lease_ms * interval '1 millisecond', CASE WHEN granted < ask.wanted THEN asked_at END)
        ON CONFLICT (tenant_id, webhook_id, worker_id) DO UPDATE
        SET slots = excluded.slots, used = excluded.used, until = excluded.until,
            short_at = coalesce(excluded.short_at, l.short_at);
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION hook.lease_slots(text, text[], text[], integer[], integer[], integer[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hook.lease_slots(text, text[], text[], integer[], integer[], integer[], integer) TO hook_worker;
