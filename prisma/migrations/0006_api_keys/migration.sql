-- Keys that a tenant hands to its own services. Only their hashes are kept: they are random and long.
CREATE TABLE hook.api_keys (
  id               text PRIMARY KEY,
  tenant_id        text NOT NULL REFERENCES hook.tenants (id),
  name             varchar(255) NOT NULL,
  description      varchar(255),
  -- What the API shows of the key, so that its owner can tell it from others.
  prefix           varchar(32) NOT NULL,
  -- SHA-256 of the whole key.
  key_hash         bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
  scopes           text[] NOT NULL CHECK (cardinality(scopes) > 0),
  expires_at       timestamptz(3),
  last_accessed_at timestamptz(3),
  created_at       timestamptz(3) NOT NULL DEFAULT now(),
  updated_at       timestamptz(3) NOT NULL DEFAULT now(),
  revoked_at       timestamptz(3)
);
CREATE INDEX api_keys_by_tenant ON hook.api_keys (tenant_id, id) WHERE revoked_at IS NULL;

-- hook_worker finds out whose key it is, and when it was used last; hook_svc does all the rest.
GRANT SELECT, INSERT, UPDATE ON hook.api_keys TO hook_svc;
GRANT SELECT, UPDATE ON hook.api_keys TO hook_worker;
-- A tenant is renamed, gets new credentials and is deleted by updates of its own row.
GRANT UPDATE ON hook.tenants TO hook_svc;

ALTER TABLE hook.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE hook.api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON hook.api_keys TO hook_svc
  USING (tenant_id = hook.current_tenant()) WITH CHECK (tenant_id = hook.current_tenant());
CREATE POLICY every_tenant ON hook.api_keys TO hook_worker USING (true) WITH CHECK (true);
