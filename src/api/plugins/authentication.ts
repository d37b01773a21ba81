/**
 * Who calls and whether they may. Runs before a body is read, so that strangers cannot make us parse.
 * A route that does not say who may call it stops the app from being built.
 */
import fp from 'fastify-plugin';
import { EverhookError } from '../../domain/errors';
import { createAuthenticate, type AuthenticationDeps } from '../authenticate';
import type { Access } from '../http';
import { scopes, type Principal } from '../principal';

export const authenticationPlugin = fp<AuthenticationDeps>((app, deps) => {
  const authenticate = createAuthenticate(deps);

  app.decorateRequest('principal', null);
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.access === undefined) throw new Error(`The route ${url} does not say who may call it`);
  });
  app.addHook('onRequest', async (request) => {
    const { access } = request.routeOptions.config;
    if (access === undefined || access === 'public') return;
    request.principal = await authenticate(request);
    authorize(request.principal, access);
  });
  return Promise.resolve();
});

function authorize(principal: Principal, access: Exclude<Access, 'public'>): void {
  if (principal.kind === 'admin') return;
  if (access === 'admin') {
    throw new EverhookError('FORBIDDEN', 'not the admin', { publicMessage: 'Only the admin token may do this.' });
  }
  if (access === 'token') {
    if (principal.kind !== 'key') return;
    throw new EverhookError('FORBIDDEN', 'an API key', {
      publicMessage: 'An API key may not do this; use an access token.',
    });
  }
  if (!principal.scopes.includes(access.scope)) {
    throw new EverhookError('FORBIDDEN', `lacks ${access.scope}`, {
      publicMessage: `These credentials lack the scope ${access.scope}.`,
      details: { required: access.scope, known: scopes },
    });
  }
}
