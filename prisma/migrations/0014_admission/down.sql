REVOKE UPDATE (waiting_since) ON hook.deliveries FROM hook_svc;
DROP INDEX hook.deliveries_unadmitted;
ALTER TABLE hook.webhook_configs DROP COLUMN crowded;
DROP INDEX hook.deliveries_waiting;
ALTER TABLE hook.deliveries DROP COLUMN waiting_since;
DROP FUNCTION hook.lease_slots(text, text[], text[], integer[], integer[], integer[], integer);
DROP TABLE hook.in_flight_leases;
