DROP INDEX hook.webhook_configs_unhealthy, hook.webhook_configs_by_state, hook.audit_logs_by_action;
REVOKE SELECT ON hook.audit_logs FROM hook_svc;
