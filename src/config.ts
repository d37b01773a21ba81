/** The only reader of the environment: validated once against src/settings.ts, then a frozen object. */
import { envSchema } from 'env-schema';
import { Type, type Static, type TSchema } from 'typebox';
import { embeddedSchema, migrateSchema, serviceSchema } from './settings';

type Environment = Readonly<Record<string, string | undefined>>;

type ServiceEnv = Static<typeof serviceSchema>;

type ListName =
  'EGRESS_ALLOW_CIDRS' | 'EGRESS_DENY_CIDRS' | 'EGRESS_DENY_HOSTS' | 'TRUSTED_PROXY_CIDRS' | 'PAYLOAD_CODEC_KEYS';

/** As the environment has it, but for the lists. */
export type Config = Readonly<Omit<ServiceEnv, ListName> & Record<ListName, readonly string[]>>;
export type MigrateConfig = Readonly<Static<typeof migrateSchema>>;
export type EmbeddedConfig = Readonly<Static<typeof embeddedSchema>> & {
  /** The ports that were asked for by name, as against defaults that may move. */
  readonly asked: { readonly port: number | undefined; readonly metricsPort: number | undefined };
};

/** A setting is missing or wrong; the message names it and what it must be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError */
export function loadConfig(env: Environment = process.env): Config {
  const settings = read(serviceSchema, env);
  if (settings.KMS_ENDPOINT !== undefined && !settings.KMS_ALLOW_EMULATOR) {
    throw new ConfigError(
      'KMS_ENDPOINT names an emulator, which needs KMS_ALLOW_EMULATOR=true; never do so in production.',
    );
  }
  checkAwsEndpoint(settings, env);
  checkGateway(settings);
  checkDeployment(settings);
  checkTemporalTls(settings);
  checkCollector(settings);
  checkSslMode('DATABASE_URL', settings.DATABASE_URL);
  checkSslMode('DATABASE_WORKER_URL', settings.DATABASE_WORKER_URL);
  return Object.freeze({
    ...settings,
    EGRESS_ALLOW_CIDRS: listOf(settings.EGRESS_ALLOW_CIDRS),
    EGRESS_DENY_CIDRS: listOf(settings.EGRESS_DENY_CIDRS),
    EGRESS_DENY_HOSTS: listOf(settings.EGRESS_DENY_HOSTS),
    TRUSTED_PROXY_CIDRS: listOf(settings.TRUSTED_PROXY_CIDRS),
    PAYLOAD_CODEC_KEYS: listOf(settings.PAYLOAD_CODEC_KEYS),
  });
}

/** The SDK itself reads these: an emulator must not come in by them, unnoticed. */
const awsEndpoints = ['AWS_ENDPOINT_URL_KMS', 'AWS_ENDPOINT_URL'];

function checkAwsEndpoint({ KMS_ENDPOINT: endpoint, KMS_ALLOW_EMULATOR: allowed }: ServiceEnv, env: Environment): void {
  const name = awsEndpoints.find((each) => isSet(env[each]));
  if (name === undefined || endpoint !== undefined || allowed) return;
  throw new ConfigError(`${name} would lead to another KMS than that of AWS: unset it, or see KMS_ENDPOINT.`);
}

/** The issuer of the tokens that `/v1/auth` hands out. */
export const ownIssuer = 'everhook';

function checkGateway(settings: ServiceEnv): void {
  const { JWT_JWKS_URL: url, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = settings;
  const set = [url, issuer, audience].filter((value) => value !== undefined);
  if (set.length !== 0 && set.length !== 3) {
    throw new ConfigError('JWT_JWKS_URL, JWT_ISSUER and JWT_AUDIENCE must be set together. See .env.example.');
  }
  if (issuer === ownIssuer) {
    throw new ConfigError(`JWT_ISSUER must not be ${ownIssuer}, which is the issuer of our own tokens.`);
  }
  if (url !== undefined && !isSafeUrl(url)) {
    throw new ConfigError('JWT_JWKS_URL must be an https: URL, or an http: one on loopback.');
  }
  if (settings.TRUST_GATEWAY_HEADERS && listOf(settings.TRUSTED_PROXY_CIDRS).length === 0) {
    throw new ConfigError('TRUST_GATEWAY_HEADERS=true needs TRUSTED_PROXY_CIDRS, the addresses of the gateway.');
  }
}

function checkDeployment({ WORKER_DEPLOYMENT_NAME: name, WORKER_BUILD_ID: buildId }: ServiceEnv): void {
  if ((name === undefined) !== (buildId === undefined)) {
    throw new ConfigError('WORKER_DEPLOYMENT_NAME and WORKER_BUILD_ID must be set together. See .env.example.');
  }
  // Temporal writes both as one word, with a dot between them.
  if (name?.includes('.')) throw new ConfigError('WORKER_DEPLOYMENT_NAME must not contain a dot.');
}

function checkTemporalTls({ TEMPORAL_TLS_CERT: cert, TEMPORAL_TLS_KEY: key }: ServiceEnv): void {
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError('TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY must be set together. See .env.example.');
  }
}

function checkCollector({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }: ServiceEnv): void {
  if (endpoint === undefined || (URL.canParse(endpoint) && /^https?:/.test(endpoint))) return;
  throw new ConfigError(
    'OTEL_EXPORTER_OTLP_ENDPOINT must be an http: or https: URL, such as http://otel-collector:4318.',
  );
}

/** Between these lie modes of which some encrypt without looking whom they talk to, and pg means to change which. */
const sslModes = ['verify-full', 'no-verify', 'disable'];

function checkSslMode(name: string, url: string): void {
  const [, mode] = /[?&]sslmode=([^&]*)/.exec(url) ?? [];
  if (mode === undefined || sslModes.includes(mode)) return;
  throw new ConfigError(`${name}: sslmode must be verify-full, which checks the server, or one of no-verify, disable.`);
}

/** Whoever can change the keys on their way to us can make tokens of every tenant. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'https:' || (url.protocol === 'http:' && /^(127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname));
}

function listOf(text: string): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim());
  return Object.freeze(entries.filter((entry) => entry !== ''));
}

/** @throws ConfigError */
export function loadMigrateConfig(env: Environment = process.env): MigrateConfig {
  const settings = read(migrateSchema, env);
  checkSslMode('DATABASE_OWNER_URL', settings.DATABASE_OWNER_URL);
  return Object.freeze(settings);
}

/** @throws ConfigError */
export function loadEmbeddedConfig(env: Environment = process.env): EmbeddedConfig {
  const settings = read(embeddedSchema, env);
  const ports = read(
    Type.Object({
      PORT: Type.Optional(serviceSchema.properties.PORT),
      METRICS_PORT: Type.Optional(serviceSchema.properties.METRICS_PORT),
    }),
    env,
  );
  return Object.freeze({
    ...settings,
    asked: Object.freeze({
      port: isSet(env['PORT']) ? ports.PORT : undefined,
      metricsPort: isSet(env['METRICS_PORT']) ? ports.METRICS_PORT : undefined,
    }),
  });
}

/** What the environment sets, for what `everhook start` fills in around it. */
export function givenEnvironment(env: Environment = process.env): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => isSet(value)));
}

/** An empty value means "not set": compose files and shells make them easily. */
function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== '';
}

function read<T extends TSchema>(schema: T, env: Environment): Static<T> {
  try {
    return envSchema<Static<T>>({ schema, data: givenEnvironment(env), env: false });
  } catch (error) {
    throw new ConfigError(`${explain(error)} See .env.example.`, { cause: error });
  }
}

interface SchemaProblem {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: {
    readonly missingProperty?: string;
    readonly type?: string;
    readonly allowedValues?: readonly string[];
    readonly limit?: number;
  };
}

/** What a value must be, by the JSON Schema keyword it fails. */
const demands: Readonly<Record<string, (params: SchemaProblem['params']) => string>> = {
  type: ({ type }) => (type === 'boolean' ? 'must be true or false' : 'must be a whole number'),
  enum: ({ allowedValues = [] }) => `must be one of ${allowedValues.join(', ')}`,
  minimum: ({ limit }) => `must be at least ${limit}`,
  maximum: ({ limit }) => `must be at most ${limit}`,
  minLength: ({ limit }) => `must have at least ${limit} characters`,
};

/** One sentence for each setting that is wrong; no value is quoted, since it may be a secret. */
function explain(error: unknown): string {
  const problems = (error as { errors?: readonly SchemaProblem[] }).errors ?? [];
  if (problems.length === 0) return String(error);
  return problems
    .map(({ instancePath, keyword, message, params }) =>
      params.missingProperty === undefined
        ? `${instancePath.slice(1)} ${demands[keyword]?.(params) ?? message ?? 'is not valid'}.`
        : `${params.missingProperty} is not set.`,
    )
    .join(' ');
}
