/** Every setting, with its default and the reason why it is there; `.env.example` is made from this file. */
import { Type } from 'typebox';

const text = (description: string, options: object = {}) => Type.String({ description, minLength: 1, ...options });
const whole = (description: string, defaultValue: number, minimum: number, maximum: number) =>
  Type.Integer({ description, default: defaultValue, minimum, maximum });
const flag = (description: string, defaultValue: boolean) => Type.Boolean({ description, default: defaultValue });

/** What every role reads. */
export const serviceSchema = Type.Object({
  HOST: text('Address the API listens on. Loopback unless you decide otherwise.', { default: '127.0.0.1' }),
  PORT: whole('Port of the API. 0 takes a free one.', 3000, 0, 65535),
  METRICS_PORT: whole(
    "Port of the Prometheus metrics, ours and the Temporal SDK's in one. 0 takes a free one.",
    9464,
    0,
    65535,
  ),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    description: 'Least severity that is logged, as JSON lines on stdout.',
    default: 'info',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    text(
      'OpenTelemetry collector that traces are sent to, by OTLP over HTTP, as http://host:4318. None when left out.',
    ),
  ),
  OTEL_SERVICE_NAME: text('Name of this service in traces.', { default: 'everhook' }),
  OTEL_TRACES_SAMPLER_ARG: Type.Number({
    description:
      "Share of requests that are traced, from 0 to 1; one that comes with a trace of its producer's follows that.",
    default: 1,
    minimum: 0,
    maximum: 1,
  }),
  DATABASE_URL: text(
    'Postgres as the role hook_svc, which serves one tenant at a time under row-level security. TLS: docs/tls.md.',
  ),
  DATABASE_WORKER_URL: text('Postgres as the role hook_worker, which does what crosses tenants by nature.'),
  DB_POOL_MIN: whole('Connections kept open per pool; there are two pools.', 5, 0, 1000),
  DB_POOL_MAX: whole('Connections opened at most per pool; the sweep holds one while it uses another.', 20, 2, 1000),
  TEMPORAL_ADDRESS: text('Where the Temporal frontend listens, as host:port.', { default: '127.0.0.1:7233' }),
  TEMPORAL_NAMESPACE: text('Temporal namespace; its retention should outlast the longest retry policy.', {
    default: 'default',
  }),
  TEMPORAL_TLS: flag('TLS to Temporal. On by itself when one of the next five is set; docs/tls.md.', false),
  TEMPORAL_TLS_CA: Type.Optional(
    text("PEM file of the certificates that Temporal's must be issued by; those of the system when left out."),
  ),
  TEMPORAL_TLS_CERT: Type.Optional(text('PEM file of our client certificate (mTLS). Needs the next one.')),
  TEMPORAL_TLS_KEY: Type.Optional(text('PEM file of its private key.')),
  TEMPORAL_TLS_SERVER_NAME: Type.Optional(
    text("Name that Temporal's certificate must have, when it is not the host's."),
  ),
  TEMPORAL_API_KEY: Type.Optional(
    text('API key of Temporal Cloud or of a proxy, sent with every call, over TLS only.'),
  ),
  PAYLOAD_CODEC_KEYS: Type.String({
    description:
      'Encrypts what Temporal stores: id:key, separated by commas, each key 32 bytes in base64; the first encrypts. docs/payload-codec.md.',
    default: '',
  }),
  PAYLOAD_CODEC_ACCEPT_PLAINTEXT: flag(
    'While encryption is being turned on: payloads from before are read as well. Turn it off afterwards.',
    false,
  ),
  TEMPORAL_TASK_QUEUE: text('Task queue that workers poll.', { default: 'everhook' }),
  WORKER_DEPLOYMENT_NAME: Type.Optional(
    text('Turns Worker Versioning on, together with WORKER_BUILD_ID; read docs/upgrades.md before. No dots.'),
  ),
  WORKER_BUILD_ID: Type.Optional(text('Names this release among those of WORKER_DEPLOYMENT_NAME, such as a commit.')),
  KMS_KEY_ID: text('ARN of the KMS key that wraps the data keys of webhook secrets.'),
  KMS_REGION: text('AWS region of the KMS key.', { default: 'eu-west-1' }),
  KMS_CONTEXT_VERSION: whole(
    'The `v` of the encryption context of new data keys. Raised to shut out wrapped keys of old backups: docs/kms.md.',
    1,
    1,
    32767,
  ),
  KMS_ENDPOINT: Type.Optional(text('URL of a KMS emulator. Leave it out for AWS itself.')),
  KMS_ALLOW_EMULATOR: flag('Must be true for KMS_ENDPOINT to be used: an emulator protects nothing.', false),
  JWT_SECRET: text('Key of the access tokens, at least 32 random characters. Changing it revokes all of them.', {
    minLength: 32,
  }),
  JWT_JWKS_URL: Type.Optional(
    text("Where the keys of a gateway's own access tokens are, https: or on loopback. Needs the next two."),
  ),
  JWT_ISSUER: Type.Optional(text("The `iss` of the gateway's tokens, which tells them from ours.")),
  JWT_AUDIENCE: Type.Optional(text("The `aud` that the gateway's tokens must name.")),
  JWT_TENANT_CLAIM: text("The claim of the gateway's tokens that names the tenant.", { default: 'tenant_id' }),
  JWT_SCOPE_CLAIM: text("The claim of the gateway's tokens that lists scopes, as text or as an array.", {
    default: 'scope',
  }),
  TRUST_GATEWAY_HEADERS: flag(
    'Whether a peer in TRUSTED_PROXY_CIDRS may name the tenant in X-Account-Id, with nothing else to prove it.',
    false,
  ),
  TRUSTED_PROXY_CIDRS: Type.String({
    description: 'Address ranges, separated by commas, of proxies whose X-Forwarded-For is believed.',
    default: '',
  }),
  ADMIN_TOKEN: Type.Optional(
    text('Bearer token of the admin, at least 32 random characters. Without it the admin routes are off.', {
      minLength: 32,
    }),
  ),
  HTTP_DELIVERY_TIMEOUT_MS: whole('Deadline of one POST, for webhooks that set none.', 5000, 1000, 30000),
  RETRY_POLICY_DEFAULT: Type.Enum(['default', 'extended'], {
    description: 'Retry policy of webhooks that set none: default spans 341 s, extended 10 h 35 min 30 s.',
    default: 'default',
  }),
  RETRY_WORKER_INTERVAL_MS: whole('Pause between sweeps for deliveries whose process died.', 10000, 100, 3600000),
  OUTBOX_CLAIM_MS: whole(
    'How long a process has to start what it accepted before others take it over. Shorter recovers faster after a crash.',
    30000,
    1000,
    3600000,
  ),
  SLOT_LEASE_MS: whole(
    'How long the slots of max_in_flight and max_concurrent_deliveries that a worker held stay taken after it has died.',
    15000,
    1500,
    600000,
  ),
  OUTBOX_START_CONCURRENCY: whole('Workflow starts under way at one time.', 50, 1, 1000),
  DIRECT_CONCURRENCY: whole(
    'First attempts of the direct lane under way at one time, per process with the role worker.',
    256,
    1,
    10000,
  ),
  RESUME_RATE_PER_SECOND: whole(
    'Deliveries of one webhook that a resume, a disable or a replay of many sets in motion per second.',
    100,
    1,
    10000,
  ),
  WORKER_MAX_CONCURRENT_ACTIVITIES: whole('POSTs of retries and slow webhooks in flight per process.', 500, 1, 10000),
  WORKER_MAX_CACHED_WORKFLOWS: whole(
    'Workflows kept in memory per process, at about half a MiB each; others are read from their history when they go on.',
    300,
    250,
    20000,
  ),
  WORKFLOW_STACK_TRACES: flag(
    'Show the call stack of workflows in the Temporal UI and in their failures; costs about 5 % of CPU.',
    false,
  ),
  RETENTION_DAYS: whole(
    'Days until what has ended is removed: events, deliveries, attempts, replays. Ids of events are known that long.',
    30,
    1,
    3650,
  ),
  AUDIT_RETENTION_DAYS: whole('Days until rows of the audit log are removed.', 365, 30, 36500),
  MAX_EVENT_BYTES: whole('Largest body of POST /v1/events.', 262144, 1024, 1048576),
  MANAGEMENT_RATE_PER_MINUTE: whole(
    'Requests per minute and tenant, but for publishing, that each API process answers. 0 turns the limit off.',
    600,
    0,
    1000000,
  ),
  EGRESS_ALLOW_CIDRS: Type.String({
    description: 'Address ranges, separated by commas, that webhooks may point to although they are not public.',
    default: '',
  }),
  EGRESS_DENY_CIDRS: Type.String({
    description:
      'Address ranges, separated by commas, that webhooks may not point to although they are public or opened.',
    default: '',
  }),
  EGRESS_DENY_HOSTS: Type.String({
    description:
      "Names, separated by commas, that webhooks may not point to: `example.com` itself, `.example.com` all below it. Name Everhook's own public API here, or events may go round in circles.",
    default: '',
  }),
  EGRESS_ALLOW_HTTP: flag('Whether webhooks may use http: besides https:.', false),
  SHUTDOWN_GRACE_MS: whole('How long attempts in flight may take to end after SIGTERM.', 35000, 0, 600000),
});

/** What `everhook migrate` reads. */
export const migrateSchema = Type.Object({
  DATABASE_OWNER_URL: text('Postgres as the role that owns the schema; used by `everhook migrate` only.'),
});

/** What `everhook start` reads besides: where its embedded parts live. A port left out moves when it is taken. */
export const embeddedSchema = Type.Object({
  EVERHOOK_DATA_DIR: text('Folder of the embedded Postgres, Temporal and generated secrets.', { default: '.everhook' }),
  TEMPORAL_CLI_PATH: Type.Optional(text('The `temporal` program; `npm start` finds or builds one when left out.')),
  TEMPORAL_PORT: Type.Optional(
    Type.Integer({ description: 'Port of the embedded Temporal server (7233).', minimum: 0, maximum: 65535 }),
  ),
  TEMPORAL_UI_PORT: Type.Optional(
    Type.Integer({ description: 'Port of its web UI (8233).', minimum: 0, maximum: 65535 }),
  ),
  POSTGRES_PORT: Type.Optional(
    Type.Integer({ description: 'Port of the embedded Postgres (a free one).', minimum: 0, maximum: 65535 }),
  ),
  DEMO_RECEIVER_PORT: Type.Optional(
    Type.Integer({
      description: 'Port of the demo receiver (a free one); 0 turns it off.',
      minimum: 0,
      maximum: 65535,
    }),
  ),
});

/** What only the set-up scripts read; they cannot import this file, because they build it. */
export const setupSchema = Type.Object({
  EVERHOOK_CACHE_DIR: Type.Optional(text("Folder of downloaded and built servers (the user's cache folder).")),
  TEMPORAL_TEST_SERVER_PATH: Type.Optional(text('The time-skipping server; `npm test` finds one when left out.')),
  KMS_TEST_SERVER_PATH: Type.Optional(
    text('A KMS server that takes `-H <host> -p <port>`; `npm test` installs moto when left out, if it can.'),
  ),
  PROMETHEUS_FOLDER: Type.Optional(
    text('Where prometheus and promtool are; `npm test` looks in PATH and unpacks them from Debian when left out.'),
  ),
});
