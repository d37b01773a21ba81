DROP TABLE hook.webhook_configs;
DROP FUNCTION hook.check_active_webhooks();
