-- How many events each process has taken of its tenants' events per second, and how many it may still
-- take without asking. Worth nothing after a crash, hence UNLOGGED: a lease writes no log and waits for no disk.
CREATE UNLOGGED TABLE hook.rate_leases (
  tenant_id   text NOT NULL,
  process_id  text NOT NULL,
  reported_at timestamptz NOT NULL,
  -- What was taken within the second before, as the process told: how long before `reported_at` in
  -- milliseconds, and how many. What is negative lies ahead: granted for requests that wait for it.
  used_ages   integer[] NOT NULL,
  used_counts integer[] NOT NULL,
  -- What the process may take besides until `held_until`.
  held        integer NOT NULL,
  held_until  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, process_id)
) WITH (fillfactor = 50);

ALTER TABLE hook.rate_leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE hook.rate_leases FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON hook.rate_leases TO hook_svc
  USING (tenant_id = hook.current_tenant()) WITH CHECK (tenant_id = hook.current_tenant());
CREATE POLICY every_tenant ON hook.rate_leases TO hook_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON hook.rate_leases TO hook_worker;

-- Leases events of one tenant to one process, which tells at the same time what it has taken within the
-- last second and gives up whatever it held. Of any second as many events are granted as the quota allows:
-- taken ones count for a second, held ones until a second after they lapse, whether they are taken or not.
-- By this server's clock; of a process's clock only spans of time count.
--   wanted  events of requests that wait now
--   ahead   events it would like to hold for requests to come
CREATE FUNCTION hook.lease_events(
  tenant text, process text, wanted integer, ahead integer, ages integer[], counts integer[],
  OUT granted integer,      -- of those wanted
  OUT kept integer,         -- for requests to come
  OUT kept_ms integer,      -- how long those may be taken, from when the process asked
  OUT max_per_sec integer,  -- the quota
  OUT pause_ms integer      -- when something was refused: how long not to ask again
) LANGUAGE plpgsql AS $$
DECLARE
  asked_at  timestamptz;
  taken     bigint;
  room      bigint;
  standing  bigint;
  processes integer;
  free_ms   double precision;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('hook.rate_leases:' || tenant, 0));
  asked_at := clock_timestamp();
  SELECT q.max_events_per_sec INTO max_per_sec FROM hook.quotas q WHERE q.tenant_id = tenant;
  max_per_sec := coalesce(max_per_sec, 100);

  -- Those of processes that ended, or that this tenant does not come to any more.
  DELETE FROM hook.rate_leases l
    WHERE l.tenant_id = tenant AND l.process_id <> process AND l.held_until < asked_at - interval '1 minute';

  WITH others AS (
    SELECT l.*, extract(epoch FROM asked_at - l.reported_at) * 1000 AS past_ms,
           extract(epoch FROM l.held_until - asked_at) * 1000 AS held_for_ms,
           l.held_until - l.reported_at > interval '1 second' AS is_standing
    FROM hook.rate_leases l WHERE l.tenant_id = tenant AND l.process_id <> process
  ), counted AS (
    SELECT u.tokens, 1000 - u.age - o.past_ms AS left_ms
      FROM others o CROSS JOIN unnest(o.used_ages, o.used_counts) AS u (age, tokens)
    UNION ALL SELECT o.held, 1000 + o.held_for_ms FROM others o
    UNION ALL SELECT u.tokens, 1000 - u.age FROM unnest(ages, counts) AS u (age, tokens)
  )
  SELECT coalesce(sum(c.tokens), 0), min(c.left_ms),
         (SELECT coalesce(sum(o.held), 0) FROM others o WHERE o.is_standing AND o.held_for_ms > -1000),
         (SELECT count(*) + 1 FROM others o WHERE o.past_ms < 1000)
    INTO taken, free_ms, standing, processes
    FROM counted c WHERE c.left_ms > 0 AND c.tokens > 0;

  room := greatest(max_per_sec - taken, 0);
  granted := least(wanted, room);
  -- Up to a twentieth of the quota is held for long, so that a tenant with few events does not cost a
  -- lease for each; whoever comes first gets half of what is left of it. More is held for a moment only:
  -- what one process holds and does not take, others lack.
  kept := ceil((max_per_sec / 20 - standing) / 2.0);
  kept_ms := 10000;
  IF kept < ahead THEN
    kept := ahead;
    kept_ms := 250;
  END IF;
  kept := least(kept, room - granted);
  -- The more processes ask for a tenant at its limit, the less often each does, and not all at once.
  pause_ms := CASE WHEN granted = wanted THEN 0
    ELSE greatest(coalesce(free_ms, 1000), 10 * processes) + random() * 30 * processes END;

  -- The process has 50 ms to take what was wanted; then it counts as taken by its own account.
  INSERT INTO hook.rate_leases (tenant_id, process_id, reported_at, used_ages, used_counts, held, held_until)
    VALUES (tenant, process, asked_at, ages || -50, counts || granted, kept, asked_at + kept_ms * interval '1 millisecond')
    ON CONFLICT (tenant_id, process_id) DO UPDATE
    SET reported_at = excluded.reported_at, used_ages = excluded.used_ages, used_counts = excluded.used_counts,
        held = excluded.held, held_until = excluded.held_until;
END
$$;
REVOKE ALL ON FUNCTION hook.lease_events(text, text, integer, integer, integer[], integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hook.lease_events(text, text, integer, integer, integer[], integer[]) TO hook_worker;

-- The admin changes a tenant's quotas in the name of that tenant.
GRANT UPDATE ON hook.quotas TO hook_svc;
