/** What opening a replay does to a delivery's row, wherever it is asked for: by the API, in bulk or in the Temporal UI. */

/**
 * Assignments for an UPDATE of `hook.deliveries d` together with `hook.webhook_configs w`. The status and
 * whoever starts the run are the caller's.
 */
export const opensReplay = `
  reason = NULL, replay_no = d.replay_no + 1, attempts_at_replay = d.attempts, replayed_at = now(),
  expires_at = now() + w.ttl_seconds * interval '1 second', completed_at = NULL, next_attempt_at = NULL,
  resolved_at = NULL, resolved_by = NULL, last_error = NULL, last_status_code = NULL, parked_version = NULL,
  waiting_since = NULL`;
