DROP TABLE hook.audit_logs, hook.data_keys, hook.quotas, hook.tenants;
