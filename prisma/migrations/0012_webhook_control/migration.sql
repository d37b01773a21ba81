-- What the control workflow of a webhook works off: changes of state that its deliveries do not know of
-- yet, and replays of many deliveries. Both stand here, so that a lost signal loses nothing.

-- A delivery that is older than this was cancelled by it, also when the webhook is enabled again.
ALTER TABLE hook.webhook_configs ADD COLUMN last_disabled_at timestamptz(3);
CREATE INDEX webhook_configs_to_fan_out ON hook.webhook_configs (id) WHERE fanned_out_version < state_version;

CREATE TABLE hook.replays (
  id           text PRIMARY KEY,
  tenant_id    text NOT NULL REFERENCES hook.tenants (id),
  webhook_id   text NOT NULL REFERENCES hook.webhook_configs (id),
  -- As it was asked for: since, until, status, event_types, limit.
  filter       jsonb NOT NULL,
  matched      integer NOT NULL,
  done         integer NOT NULL DEFAULT 0,
  -- Those that matched and could not be replayed any more when their turn came.
  failed       integer NOT NULL DEFAULT 0,
  state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'completed', 'cancelled')),
  -- Id of the last delivery whose turn has been; no delivery has its turn twice.
  seen_id      text NOT NULL DEFAULT '',
  -- Of a replay that was asked for in Temporal: the same request again meets its own row.
  request_key  text UNIQUE,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  updated_at   timestamptz(3) NOT NULL DEFAULT now(),
  completed_at timestamptz(3)
);
CREATE INDEX replays_by_tenant ON hook.replays (tenant_id, id);
CREATE INDEX replays_open ON hook.replays (webhook_id, id) WHERE state IN ('pending', 'running');

GRANT SELECT, INSERT ON hook.replays TO hook_svc;
GRANT UPDATE (state, completed_at, updated_at) ON hook.replays TO hook_svc;
GRANT SELECT, UPDATE ON hook.replays TO hook_worker;

ALTER TABLE hook.replays ENABLE ROW LEVEL SECURITY;
ALTER TABLE hook.replays FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON hook.replays TO hook_svc
  USING (tenant_id = hook.current_tenant()) WITH CHECK (tenant_id = hook.current_tenant());
CREATE POLICY every_tenant ON hook.replays TO hook_worker USING (true) WITH CHECK (true);
