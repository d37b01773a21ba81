/** Where the run's shared servers are; handed from the global set-up to the test files by the environment. */

export interface SharedServers {
  readonly postgres: { readonly host: string; readonly port: number; readonly password: string };
  readonly temporalAddress: string;
  /** Where the bundles of the workflows are. */
  readonly bundleFolder: string;
}

const variable = 'EVERHOOK_TEST_SERVERS';

export function setShared(servers: SharedServers): void {
  process.env[variable] = JSON.stringify(servers);
}

export function sharedServers(): SharedServers {
  const value = process.env[variable];
  if (value === undefined) throw new Error('The shared test servers are not up; run the tests with npm test.');
  return JSON.parse(value) as SharedServers;
}
