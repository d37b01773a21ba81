CREATE TABLE hook.tenants (
  id                  text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
  name                varchar(255) NOT NULL,
  client_id           text NOT NULL UNIQUE,
  client_secret_hash  bytea NOT NULL,
  -- Part of every access token: raising it revokes all tokens issued before.
  credentials_version integer NOT NULL DEFAULT 1,
  created_at          timestamptz(3) NOT NULL DEFAULT now(),
  updated_at          timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at          timestamptz(3)
);

CREATE TABLE hook.quotas (
  tenant_id                 text PRIMARY KEY REFERENCES hook.tenants (id),
  max_events_per_sec        integer NOT NULL DEFAULT 100 CHECK (max_events_per_sec > 0),
  max_concurrent_deliveries integer NOT NULL DEFAULT 50 CHECK (max_concurrent_deliveries > 0),
  max_dlq_size              integer NOT NULL DEFAULT 100 CHECK (max_dlq_size > 0),
  max_active_webhooks       integer NOT NULL DEFAULT 10 CHECK (max_active_webhooks > 0),
  updated_at                timestamptz(3) NOT NULL DEFAULT now()
);

-- Data keys wrapped by KMS. Only the newest that is not retired seals; every one of them opens.
CREATE TABLE hook.data_keys (
  id         text PRIMARY KEY,
  tenant_id  text NOT NULL REFERENCES hook.tenants (id),
  key_arn    text NOT NULL,
  wrapped    bytea NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  retired_at timestamptz(3)
);
CREATE UNIQUE INDEX data_keys_one_current ON hook.data_keys (tenant_id) WHERE retired_at IS NULL;

CREATE TABLE hook.audit_logs (
  id         text PRIMARY KEY,
  tenant_id  text NOT NULL,
  action     text NOT NULL,
  actor      text NOT NULL,
  target     text NOT NULL,
  details    jsonb NOT NULL DEFAULT '{}',
  request_id text,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX audit_logs_by_tenant ON hook.audit_logs (tenant_id, id);
