/**
 * How often a tenant may call what is no publishing: so many requests a minute, in each process. A caller
 * without a tenant, which is the admin, counts as one. Publishing has the quota of events instead.
 */
import fp from 'fastify-plugin';
import { rateLimited } from '../../domain/rate-limit';
import { managementRefused, type Telemetry } from '../../telemetry/events';
import { createMinuteLimit } from '../minute-limit';

export interface ManagementRateDeps {
  /** 0 turns the limit off. */
  readonly config: { readonly MANAGEMENT_RATE_PER_MINUTE: number };
  readonly telemetry: Telemetry;
}

export const managementRatePlugin = fp<ManagementRateDeps>((app, { config, telemetry }) => {
  const perMinute = config.MANAGEMENT_RATE_PER_MINUTE;
  const calls = createMinuteLimit(perMinute);

  app.addHook('onRequest', (request, _reply, done) => {
    const { principal, routeOptions } = request;
    if (perMinute === 0 || principal === null || routeOptions.config.publishes === true) return done();
    // No tenant has an empty id.
    const caller = [principal.tenantId ?? ''];
    const limit = calls.limitOf(caller);
    if (limit) {
      managementRefused(telemetry);
      return done(rateLimited(limit, 'requests a minute'));
    }
    calls.count(caller);
    done();
  });
  return Promise.resolve();
});
