DROP TABLE hook.replays;
DROP INDEX hook.webhook_configs_to_fan_out;
ALTER TABLE hook.webhook_configs DROP COLUMN last_disabled_at;
