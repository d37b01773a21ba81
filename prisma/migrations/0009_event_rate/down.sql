REVOKE UPDATE ON hook.quotas FROM hook_svc;
DROP FUNCTION hook.lease_events(text, text, integer, integer, integer[], integer[]);
DROP TABLE hook.rate_leases;
