-- What the sweep looks for besides lapsed claims: retries whose time has come and gone.
CREATE INDEX deliveries_overdue ON hook.deliveries (next_attempt_at) WHERE status = 'FAILED_RETRY';
