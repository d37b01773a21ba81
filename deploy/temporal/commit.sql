-- Temporal's commits need not reach the disk before they are answered. Run it in each of Temporal's two databases, as
-- their owner; connections that are open keep what they have. Never in Everhook's database: what was accepted is safe
-- because its commits reach the disk, and what Temporal forgets in a crash of the machine is started again from it.
DO $$
BEGIN
  EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
END
$$;
