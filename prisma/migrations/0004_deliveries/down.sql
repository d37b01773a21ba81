DROP FUNCTION hook.ensure_attempt_partitions(integer);
DROP TABLE hook.delivery_attempts, hook.deliveries, hook.events;
