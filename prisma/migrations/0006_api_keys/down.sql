REVOKE UPDATE ON hook.tenants FROM hook_svc;
DROP TABLE hook.api_keys;
