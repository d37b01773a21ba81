-- The tables below carry no foreign keys: an event and its deliveries are written by one statement,
-- nothing but retention deletes them, and a key check for each row would lock the webhook's row.
CREATE TABLE hook.events (
  tenant_id        text NOT NULL,
  id               varchar(255) NOT NULL,
  type             varchar(255) NOT NULL,
  source           varchar(255),
  event_time       timestamptz(3),
  -- The exact text of `payload`: jsonb would reorder keys, drop duplicates and round numbers.
  payload_snapshot text NOT NULL,
  -- SHA-256 over type, source, event_time, channel and the payload's bytes.
  body_hash        bytea NOT NULL,
  channel          varchar(255),
  idempotency_key  varchar(255),
  created_at       timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX events_by_idempotency_key ON hook.events (tenant_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- lz4 is faster than the default where the server was built with it.
DO $$
BEGIN
  ALTER TABLE hook.events ALTER COLUMN payload_snapshot SET COMPRESSION lz4;
EXCEPTION
  WHEN feature_not_supported THEN NULL;
END
$$;

CREATE TABLE hook.deliveries (
  id                 text PRIMARY KEY,
  tenant_id          text NOT NULL,
  webhook_id         text NOT NULL,
  event_id           varchar(255) NOT NULL,
  event_type         varchar(255) NOT NULL,
  status             text NOT NULL CHECK (status IN
    ('PENDING', 'IN_PROGRESS', 'SUCCESS', 'FAILED_RETRY', 'PAUSED', 'DEAD_LETTER', 'CANCELLED')),
  reason             text CHECK (reason IN
    ('EXHAUSTED', 'QUEUE_FULL', 'REJECTED', 'GONE', 'EXPIRED', 'ADDRESS_BLOCKED',
     'WEBHOOK_DISABLED', 'WEBHOOK_DELETED', 'CANCELLED', 'TERMINATED')),
  -- All attempts made, and how many of them before the current replay began.
  attempts           integer NOT NULL DEFAULT 0,
  attempts_at_replay integer NOT NULL DEFAULT 0,
  replay_no          integer NOT NULL DEFAULT 0,
  run_id             text,
  claimed_by         text,
  claimed_until      timestamptz(3),
  parked_version     integer,
  next_attempt_at    timestamptz(3),
  last_status_code   integer,
  last_error         varchar(512),
  expires_at         timestamptz(3) NOT NULL,
  created_at         timestamptz(3) NOT NULL DEFAULT now(),
  replayed_at        timestamptz(3),
  completed_at       timestamptz(3),
  resolved_at        timestamptz(3),
  resolved_by        text,
  UNIQUE (webhook_id, event_id)
);
CREATE INDEX deliveries_by_tenant ON hook.deliveries (tenant_id, id);
CREATE INDEX deliveries_by_webhook ON hook.deliveries (webhook_id, id);
CREATE INDEX deliveries_by_event ON hook.deliveries (tenant_id, event_id, id);
-- What the sweep looks for: deliveries whose workflow was to be started and may not have been.
CREATE INDEX deliveries_claimed ON hook.deliveries (claimed_until) WHERE claimed_until IS NOT NULL;

-- The projected attempts. `attempted_on`, `run_id` and `try` come from the caller, so that a
-- repeated activity, and a repeated record of one, meets its own row.
CREATE TABLE hook.delivery_attempts (
  attempted_on          date NOT NULL,
  delivery_id           text NOT NULL,
  run_id                text NOT NULL,
  try                   integer NOT NULL,
  tenant_id             text NOT NULL,
  webhook_id            text NOT NULL,
  attempt_number        integer NOT NULL,
  replay_no             integer NOT NULL,
  trigger               text NOT NULL,
  outcome               text NOT NULL CHECK (outcome IN ('success', 'retry', 'permanent')),
  reason                text,
  http_status_code      integer,
  error_code            text,
  error_message         varchar(512),
  retry_after_ms        bigint,
  response_body_preview varchar(512),
  response_headers      jsonb,
  remote_ip             text,
  timings               jsonb,
  duration_ms           integer NOT NULL,
  attempted_at          timestamptz(3) NOT NULL,
  PRIMARY KEY (attempted_on, delivery_id, run_id, try)
) PARTITION BY RANGE (attempted_on);
CREATE INDEX delivery_attempts_by_delivery ON hook.delivery_attempts (delivery_id, attempted_at);
CREATE TABLE hook.delivery_attempts_default PARTITION OF hook.delivery_attempts DEFAULT;

-- Creates the partitions of today and the days after it. Workers call it; they own no table, so
-- that it runs with its owner's rights. A day whose rows are in the default partition already
-- stays there: nothing is lost by it, and retention deletes those rows one by one.
CREATE FUNCTION hook.ensure_attempt_partitions(days_ahead integer) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = hook, pg_temp AS $$
DECLARE
  day date;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('hook.attempt_partitions', 0));
  FOR day IN SELECT generate_series(current_date, current_date + LEAST(days_ahead, 14), interval '1 day') LOOP
    BEGIN
      EXECUTE format(
        'CREATE TABLE IF NOT EXISTS hook.%I PARTITION OF hook.delivery_attempts FOR VALUES FROM (%L) TO (%L)',
        'delivery_attempts_' || to_char(day, 'YYYYMMDD'), day, day + 1);
    EXCEPTION
      WHEN check_violation THEN NULL;
    END;
  END LOOP;
END
$$;
