REVOKE SELECT ON hook.events FROM hook_svc;
DROP INDEX hook.delivery_attempts_by_webhook, hook.deliveries_unsuccessful_by_webhook, hook.deliveries_unsuccessful,
  hook.deliveries_by_type, hook.events_by_type, hook.events_by_time;
ALTER TABLE hook.deliveries DROP COLUMN event_type_key;
ALTER TABLE hook.events DROP COLUMN type_key;
