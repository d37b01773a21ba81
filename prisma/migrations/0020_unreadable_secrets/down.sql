-- What ended so is told as what it would have been before. The owner sees no row unless it is let.
ALTER TABLE hook.deliveries NO FORCE ROW LEVEL SECURITY;
UPDATE hook.deliveries SET reason = 'EXPIRED' WHERE reason = 'SECRET_UNREADABLE';
ALTER TABLE hook.deliveries FORCE ROW LEVEL SECURITY;
ALTER TABLE hook.deliveries DROP CONSTRAINT deliveries_reason_check;
ALTER TABLE hook.deliveries ADD CONSTRAINT deliveries_reason_check CHECK (reason IN
  ('EXHAUSTED', 'QUEUE_FULL', 'REJECTED', 'GONE', 'EXPIRED', 'ADDRESS_BLOCKED',
   'WEBHOOK_DISABLED', 'WEBHOOK_DELETED', 'CANCELLED', 'TERMINATED'));
