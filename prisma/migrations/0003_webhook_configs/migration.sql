CREATE TABLE hook.webhook_configs (
  id                         text PRIMARY KEY,
  tenant_id                  text NOT NULL REFERENCES hook.tenants (id),
  destination                text NOT NULL DEFAULT 'url' CHECK (destination IN ('url', 'channel')),
  channel                    text,
  url                        varchar(2048) NOT NULL,
  description                varchar(255),
  event_types                text[] NOT NULL DEFAULT '{*}' CHECK (cardinality(event_types) > 0),
  secret_enc                 bytea NOT NULL,
  previous_secret_enc        bytea,
  previous_secret_expires_at timestamptz(3),
  headers_enc                bytea,
  -- In clear, so that reading a webhook back needs no KMS.
  header_names               text[] NOT NULL DEFAULT '{}',
  retry_policy               jsonb NOT NULL DEFAULT '"default"',
  timeout_ms                 integer NOT NULL DEFAULT 5000 CHECK (timeout_ms BETWEEN 1000 AND 30000),
  max_in_flight              integer NOT NULL DEFAULT 10 CHECK (max_in_flight BETWEEN 1 AND 1000),
  ttl_seconds                integer NOT NULL DEFAULT 86400 CHECK (ttl_seconds BETWEEN 1 AND 2592000),
  max_queue_size             integer NOT NULL DEFAULT 10000 CHECK (max_queue_size BETWEEN 1 AND 1000000),
  lane                       text NOT NULL DEFAULT 'workflow' CHECK (lane IN ('workflow', 'direct')),
  state                      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'disabled')),
  state_reason               varchar(255),
  -- Rises with every change of state; a parked delivery remembers the version it saw.
  state_version              integer NOT NULL DEFAULT 1,
  fanned_out_version         integer NOT NULL DEFAULT 1,
  consecutive_failures       integer NOT NULL DEFAULT 0,
  failing_since              timestamptz(3),
  api_version                varchar(16) NOT NULL DEFAULT 'v1',
  signing_algorithm          varchar(16) NOT NULL DEFAULT 'HMAC-SHA256' CHECK (signing_algorithm = 'HMAC-SHA256'),
  created_at                 timestamptz(3) NOT NULL DEFAULT now(),
  updated_at                 timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at                 timestamptz(3)
);
CREATE INDEX webhook_configs_by_tenant ON hook.webhook_configs (tenant_id, id) WHERE deleted_at IS NULL;

-- The limit holds for INSERT and for every UPDATE that brings a webhook back among the counted
-- ones. The lock makes concurrent writers of one tenant wait for each other; without it two of
-- them could each count before the other's row is visible.
CREATE FUNCTION hook.check_active_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  active  integer;
  allowed integer;
BEGIN
  IF NEW.state = 'disabled' OR NEW.deleted_at IS NOT NULL THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.state <> 'disabled' AND OLD.deleted_at IS NULL THEN
    RETURN NEW;
  END IF;

  PERFORM pg_advisory_xact_lock(hashtextextended('hook.active_webhooks:' || NEW.tenant_id, 0));
  SELECT count(*) INTO active FROM hook.webhook_configs
    WHERE tenant_id = NEW.tenant_id AND state <> 'disabled' AND deleted_at IS NULL AND id <> NEW.id;
  SELECT max_active_webhooks INTO allowed FROM hook.quotas WHERE tenant_id = NEW.tenant_id;

  IF active >= COALESCE(allowed, 10) THEN
    RAISE EXCEPTION 'at most % active webhooks', COALESCE(allowed, 10)
      USING ERRCODE = 'HK001', DETAIL = COALESCE(allowed, 10)::text;
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER webhook_configs_limit
  BEFORE INSERT OR UPDATE OF state, deleted_at ON hook.webhook_configs
  FOR EACH ROW EXECUTE FUNCTION hook.check_active_webhooks();
