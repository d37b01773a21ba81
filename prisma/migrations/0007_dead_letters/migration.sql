-- Dead letters are deliveries, not copies of them: two partial indexes serve their lists, newest first.
-- A dead letter that was resolved leaves both.
CREATE INDEX deliveries_dead_by_tenant ON hook.deliveries (tenant_id, completed_at, id)
  WHERE status = 'DEAD_LETTER' AND resolved_at IS NULL;
CREATE INDEX deliveries_dead_by_webhook ON hook.deliveries (webhook_id, completed_at, id)
  WHERE status = 'DEAD_LETTER' AND resolved_at IS NULL;

-- Replaying, cancelling and resolving are asked for by one tenant, so that they run as hook_svc, under its
-- policy: a query that forgets whose delivery it changes still changes no other tenant's. It gets the columns
-- that these three write and none besides: not the ids, nor what attempts have recorded.
GRANT UPDATE (
  status, reason, replay_no, attempts_at_replay, claimed_by, claimed_until, parked_version, next_attempt_at,
  last_status_code, last_error, expires_at, replayed_at, completed_at, resolved_at, resolved_by
) ON hook.deliveries TO hook_svc;
