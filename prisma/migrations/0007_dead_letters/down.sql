REVOKE UPDATE (
  status, reason, replay_no, attempts_at_replay, claimed_by, claimed_until, parked_version, next_attempt_at,
  last_status_code, last_error, expires_at, replayed_at, completed_at, resolved_at, resolved_by
) ON hook.deliveries FROM hook_svc;
DROP INDEX hook.deliveries_dead_by_tenant, hook.deliveries_dead_by_webhook;
