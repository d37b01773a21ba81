ALTER TABLE hook.events DROP COLUMN traceparent;
