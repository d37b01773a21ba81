import { ConfigError, givenEnvironment, loadConfig, loadEmbeddedConfig, loadMigrateConfig } from '../../src/config';
import { serviceSchema } from '../../src/settings';

const secret = 'hunter2-hunter2-hunter2-hunter2-hunter2';

/** What has no default. */
const required = {
  DATABASE_URL: 'postgres://hook_svc:hunter2@localhost/everhook',
  DATABASE_WORKER_URL: 'postgres://hook_worker:hunter2@localhost/everhook',
  KMS_KEY_ID: 'arn:aws:kms:eu-west-1:123456789012:key/1',
  JWT_SECRET: secret,
};

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('no ConfigError was thrown');
}

/** The message, its cause, and all else that a log line or a stack would show. */
function allTextOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    const { cause, stack } = error as Error;
    return [String(error), stack, String(cause), JSON.stringify(cause), (cause as Error | undefined)?.stack].join('\n');
  }
  throw new Error('nothing was thrown');
}

describe('the settings', () => {
  it('need only what has no default', () => {
    const config = loadConfig(required);

    expect(config).toMatchObject({
      ...required,
      HOST: '127.0.0.1',
      PORT: 3000,
      METRICS_PORT: 9464,
      LOG_LEVEL: 'info',
      RETRY_POLICY_DEFAULT: 'default',
      HTTP_DELIVERY_TIMEOUT_MS: 5000,
      EGRESS_ALLOW_CIDRS: [],
      EGRESS_ALLOW_HTTP: false,
      KMS_ALLOW_EMULATOR: false,
    });
    expect(config.ADMIN_TOKEN).toBeUndefined();
  });

  it('arrive in their types', () => {
    const config = loadConfig({ ...required, PORT: '8080', EGRESS_ALLOW_HTTP: 'true', KMS_ALLOW_EMULATOR: 'false' });

    expect(config).toMatchObject({ PORT: 8080, EGRESS_ALLOW_HTTP: true, KMS_ALLOW_EMULATOR: false });
  });

  it('hold nothing of the environment that is not a setting', () => {
    const config = loadConfig({ ...required, PATH: '/bin', NODE_ENV: 'production' });

    expect(Object.keys(config).filter((name) => !(name in serviceSchema.properties))).toEqual([]);
  });

  it('leave the environment they were read from as it was', () => {
    const env = Object.freeze({ ...required, PORT: '8080' });

    loadConfig(env);

    expect(env).toEqual({ ...required, PORT: '8080' });
  });

  it('cannot be changed', () => {
    const config = loadConfig({ ...required, EGRESS_ALLOW_CIDRS: '10.0.0.0/8' });

    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.EGRESS_ALLOW_CIDRS)).toBe(true);
  });

  it.each(['', ' ', undefined])('are as good as not set when they are %j', (value) => {
    const config = loadConfig({ ...required, PORT: value, ADMIN_TOKEN: value, KMS_ENDPOINT: value, HOST: value });

    expect(config).toEqual(loadConfig(required));
  });
});

describe('a setting that is not as it must be', () => {
  it.each(Object.keys(required))('is named when it is missing: %s', (name) => {
    expect(messageOf(() => loadConfig({ ...required, [name]: undefined }))).toBe(
      `${name} is not set. See .env.example.`,
    );
    expect(messageOf(() => loadConfig({ ...required, [name]: '' }))).toBe(`${name} is not set. See .env.example.`);
  });

  it.each([
    [{ PORT: 'abc' }, 'PORT must be a whole number.'],
    [{ PORT: '1.5' }, 'PORT must be a whole number.'],
    [{ PORT: '3000x' }, 'PORT must be a whole number.'],
    [{ PORT: '-1' }, 'PORT must be at least 0.'],
    [{ PORT: '65536' }, 'PORT must be at most 65535.'],
    [{ DB_POOL_MAX: '0' }, 'DB_POOL_MAX must be at least 2.'],
    [{ HTTP_DELIVERY_TIMEOUT_MS: '999' }, 'HTTP_DELIVERY_TIMEOUT_MS must be at least 1000.'],
    [{ HTTP_DELIVERY_TIMEOUT_MS: '30001' }, 'HTTP_DELIVERY_TIMEOUT_MS must be at most 30000.'],
    [{ EGRESS_ALLOW_HTTP: 'yes' }, 'EGRESS_ALLOW_HTTP must be true or false.'],
    [{ KMS_ALLOW_EMULATOR: '1' }, 'KMS_ALLOW_EMULATOR must be true or false.'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent.'],
    [{ RETRY_POLICY_DEFAULT: 'never' }, 'RETRY_POLICY_DEFAULT must be one of default, extended.'],
    [{ JWT_SECRET: 'x'.repeat(31) }, 'JWT_SECRET must have at least 32 characters.'],
    [{ ADMIN_TOKEN: 'x'.repeat(31) }, 'ADMIN_TOKEN must have at least 32 characters.'],
  ])('is named with what it must be: %j', (wrong, message) => {
    expect(messageOf(() => loadConfig({ ...required, ...wrong }))).toBe(`${message} See .env.example.`);
  });

  it('is named beside all others that are wrong', () => {
    const message = messageOf(() => loadConfig({ ...required, KMS_KEY_ID: '', PORT: 'x', LOG_LEVEL: 'loud' }));

    expect(message).toContain('KMS_KEY_ID is not set.');
    expect(message).toContain('PORT must be a whole number.');
    expect(message).toContain('LOG_LEVEL must be one of');
  });

  it.each([
    { JWT_SECRET: 'hunter2' },
    { ADMIN_TOKEN: 'hunter2' },
    { DATABASE_URL: '', PORT: 'hunter2' },
    { KMS_ENDPOINT: 'http://hunter2@localhost' },
    { LOG_LEVEL: 'hunter2' },
  ])('is not quoted, nor is any secret: %j', (wrong) => {
    expect(allTextOf(() => loadConfig({ ...required, ADMIN_TOKEN: secret, ...wrong }))).not.toContain('hunter2');
  });
});

describe('a KMS emulator', () => {
  it('is refused unless it is allowed', () => {
    const message = messageOf(() => loadConfig({ ...required, KMS_ENDPOINT: 'http://127.0.0.1:4566' }));

    expect(message).toBe(
      'KMS_ENDPOINT names an emulator, which needs KMS_ALLOW_EMULATOR=true; never do so in production.',
    );
  });

  it('is used when it is allowed', () => {
    const config = loadConfig({ ...required, KMS_ENDPOINT: 'http://127.0.0.1:4566', KMS_ALLOW_EMULATOR: 'true' });

    expect(config.KMS_ENDPOINT).toBe('http://127.0.0.1:4566');
  });

  it.each(['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_KMS'])(
    'does not come in by %s, which the SDK would follow',
    (name) => {
      const env = { ...required, [name]: 'http://127.0.0.1:4566' };

      expect(messageOf(() => loadConfig(env))).toBe(
        `${name} would lead to another KMS than that of AWS: unset it, or see KMS_ENDPOINT.`,
      );
      expect(loadConfig({ ...env, KMS_ALLOW_EMULATOR: 'true' }).KMS_ALLOW_EMULATOR).toBe(true);
    },
  );
});

describe('Worker Versioning', () => {
  const deployment = { WORKER_DEPLOYMENT_NAME: 'everhook', WORKER_BUILD_ID: '3f2c1ab' };

  it('is off unless it is asked for, and then has a name and a build', () => {
    expect(loadConfig(required)).not.toHaveProperty('WORKER_BUILD_ID');
    expect(loadConfig({ ...required, ...deployment })).toMatchObject(deployment);
  });

  it.each(Object.keys(deployment))('is refused without %s', (name) => {
    expect(messageOf(() => loadConfig({ ...required, ...deployment, [name]: '' }))).toBe(
      'WORKER_DEPLOYMENT_NAME and WORKER_BUILD_ID must be set together. See .env.example.',
    );
  });

  it('is refused with a name that Temporal could not tell from a build', () => {
    const message = messageOf(() => loadConfig({ ...required, ...deployment, WORKER_DEPLOYMENT_NAME: 'ever.hook' }));

    expect(message).toBe('WORKER_DEPLOYMENT_NAME must not contain a dot.');
  });
});

describe('TLS', () => {
  it.each(['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'])('is refused with %s alone', (name) => {
    expect(messageOf(() => loadConfig({ ...required, [name]: '/some/file.pem' }))).toBe(
      'TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY must be set together. See .env.example.',
    );
  });

  it.each(['verify-full', 'no-verify', 'disable'])('of Postgres may be %s', (mode) => {
    const url = `postgres://a@b/c?x=y&sslmode=${mode}`;

    expect(loadConfig({ ...required, DATABASE_URL: url }).DATABASE_URL).toBe(url);
  });

  it.each(['require', 'prefer', 'verify-ca', 'allow', ''])(
    'of Postgres may not be "%s", which means one thing here and another there',
    (mode) => {
      const url = `postgres://a:hunter2@b/c?sslmode=${mode}&x=y`;

      for (const name of ['DATABASE_URL', 'DATABASE_WORKER_URL', 'DATABASE_OWNER_URL']) {
        const load = name === 'DATABASE_OWNER_URL' ? loadMigrateConfig : loadConfig;
        expect(messageOf(() => load({ ...required, [name]: url }))).toBe(
          `${name}: sslmode must be verify-full, which checks the server, or one of no-verify, disable.`,
        );
      }
    },
  );
});

describe('a gateway', () => {
  const gateway = {
    JWT_JWKS_URL: 'https://gateway.example/jwks.json',
    JWT_ISSUER: 'https://gateway.example',
    JWT_AUDIENCE: 'everhook',
  };

  it.each(Object.keys(gateway))('is refused without its %s', (name) => {
    expect(messageOf(() => loadConfig({ ...required, ...gateway, [name]: '' }))).toBe(
      'JWT_JWKS_URL, JWT_ISSUER and JWT_AUDIENCE must be set together. See .env.example.',
    );
  });

  it.each(['https://gateway.example/jwks.json', 'http://127.0.0.1:8080/jwks', 'http://[::1]/jwks'])(
    'may have its keys at %s',
    (url) => {
      expect(loadConfig({ ...required, ...gateway, JWT_JWKS_URL: url }).JWT_JWKS_URL).toBe(url);
    },
  );

  it.each(['http://gateway.example/jwks', 'http://127.0.0.1.example/jwks', 'file:///etc/jwks', 'gateway', 'hunter2'])(
    'may not have its keys at %s, which is not quoted',
    (url) => {
      const message = messageOf(() => loadConfig({ ...required, ...gateway, JWT_JWKS_URL: url }));

      expect(message).toBe('JWT_JWKS_URL must be an https: URL, or an http: one on loopback.');
    },
  );

  it('may not issue tokens under our name', () => {
    expect(messageOf(() => loadConfig({ ...required, ...gateway, JWT_ISSUER: 'everhook' }))).toContain(
      'JWT_ISSUER must not be everhook',
    );
  });

  it('is trusted by its addresses, not without', () => {
    const trust = { ...required, TRUST_GATEWAY_HEADERS: 'true' };

    expect(messageOf(() => loadConfig({ ...trust, TRUSTED_PROXY_CIDRS: ' , ' }))).toContain(
      'needs TRUSTED_PROXY_CIDRS',
    );
    expect(loadConfig({ ...trust, TRUSTED_PROXY_CIDRS: '10.0.0.0/8, fd00::/8' })).toMatchObject({
      TRUST_GATEWAY_HEADERS: true,
      TRUSTED_PROXY_CIDRS: ['10.0.0.0/8', 'fd00::/8'],
    });
  });
});

describe('the list of opened address ranges', () => {
  it.each([
    [undefined, []],
    ['', []],
    [',', []],
    ['10.0.0.0/8', ['10.0.0.0/8']],
    ['127.0.0.0/8,::1/128', ['127.0.0.0/8', '::1/128']],
    [' 10.0.0.0/8 , ,::1/128, ', ['10.0.0.0/8', '::1/128']],
  ])('%j is %j', (text, ranges) => {
    expect(loadConfig({ ...required, EGRESS_ALLOW_CIDRS: text }).EGRESS_ALLOW_CIDRS).toEqual(ranges);
  });
});

describe('the settings of the embedded parts', () => {
  it('all have defaults, and ports that nobody asked for may move', () => {
    expect(loadEmbeddedConfig({})).toEqual({
      EVERHOOK_DATA_DIR: '.everhook',
      asked: { port: undefined, metricsPort: undefined },
    });
  });

  it('say which ports were asked for', () => {
    const config = loadEmbeddedConfig({
      PORT: '3001',
      METRICS_PORT: '0',
      TEMPORAL_PORT: '7000',
      TEMPORAL_UI_PORT: '8000',
      POSTGRES_PORT: '5433',
      DEMO_RECEIVER_PORT: '0',
      EVERHOOK_DATA_DIR: '/tmp/data',
    });

    expect(config).toEqual({
      TEMPORAL_PORT: 7000,
      TEMPORAL_UI_PORT: 8000,
      POSTGRES_PORT: 5433,
      DEMO_RECEIVER_PORT: 0,
      EVERHOOK_DATA_DIR: '/tmp/data',
      asked: { port: 3001, metricsPort: 0 },
    });
  });

  it('take an empty port for one that nobody asked for', () => {
    const config = loadEmbeddedConfig({ PORT: '', METRICS_PORT: ' ', TEMPORAL_PORT: '', DEMO_RECEIVER_PORT: '' });

    expect(config).toEqual(loadEmbeddedConfig({}));
  });

  it('ask for the default port when it is named', () => {
    expect(loadEmbeddedConfig({ PORT: '3000' }).asked.port).toBe(3000);
  });

  it.each(['PORT', 'METRICS_PORT', 'TEMPORAL_PORT', 'TEMPORAL_UI_PORT', 'POSTGRES_PORT', 'DEMO_RECEIVER_PORT'])(
    'refuse a wrong %s by its name',
    (name) => {
      expect(messageOf(() => loadEmbeddedConfig({ [name]: 'http' }))).toContain(`${name} must be a whole number.`);
      expect(messageOf(() => loadEmbeddedConfig({ [name]: '65536' }))).toContain(`${name} must be at most 65535.`);
    },
  );

  it('cannot be changed', () => {
    const config = loadEmbeddedConfig({});

    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.asked)).toBe(true);
  });
});

describe('the settings of the migration', () => {
  it('are the owner of the schema, and nothing else is asked for', () => {
    expect(loadMigrateConfig({ DATABASE_OWNER_URL: 'postgres://localhost/everhook', PORT: 'x' })).toEqual({
      DATABASE_OWNER_URL: 'postgres://localhost/everhook',
    });
  });

  it('name the owner when it is missing', () => {
    expect(messageOf(() => loadMigrateConfig({}))).toBe('DATABASE_OWNER_URL is not set. See .env.example.');
  });
});

describe('the environment as it was given', () => {
  it('leaves out what is empty, so that nothing generated is replaced by it', () => {
    expect(givenEnvironment({ JWT_SECRET: '', ADMIN_TOKEN: ' ', HOST: '0.0.0.0', PORT: undefined })).toEqual({
      HOST: '0.0.0.0',
    });
  });
});
