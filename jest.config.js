/** One project per kind of test, so that `--selectProjects unit` runs what needs no server. */

// These packages ship ES modules only, which Jest on Node 20 cannot require as they are.
const esmPackages = ['cookie', 'typebox', 'jose', '@fastify/type-provider-typebox', 'standardwebhooks'];
const esmPattern = esmPackages.join('|');

const swc = {
  jsc: { target: 'es2023', parser: { syntax: 'typescript' }, keepClassNames: true },
  module: { type: 'commonjs' },
};

/** @type {(kind: string, options?: import('jest').Config) => import('jest').Config} */
const project = (kind, options = {}) => ({
  displayName: kind,
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: [`<rootDir>/test/${kind}/**/*.test.ts`],
  transform: {
    '\\.ts$': ['@swc/jest', swc],
    [`/node_modules/(${esmPattern})/.+\\.m?js$`]: ['@swc/jest', swc],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmPattern})/)`],
  ...options,
});

const servers = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

/** @type {import('jest').Config} */
module.exports = {
  projects: [
    project('unit'),
    project('api', servers),
    project('activities', servers),
    project('workflows', servers),
    project('replay'),
    project('e2e', servers),
  ],
  testTimeout: 30_000,
  maxWorkers: 2,
};
