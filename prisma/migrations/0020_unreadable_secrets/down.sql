-- Deliveries that ended so keep their reason, and lose it with their next replay.
ALTER TABLE hook.deliveries DROP CONSTRAINT deliveries_reason_check;
ALTER TABLE hook.deliveries ADD CONSTRAINT deliveries_reason_check CHECK (reason IN
  ('EXHAUSTED', 'QUEUE_FULL', 'REJECTED', 'GONE', 'EXPIRED', 'ADDRESS_BLOCKED',
   'WEBHOOK_DISABLED', 'WEBHOOK_DELETED', 'CANCELLED', 'TERMINATED')) NOT VALID;
