/** The types every route shares: the app with its schema types, and how a route says who may call it. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Principal, Scope } from './principal';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/**
 * Who may call a route. Every route names one; a route without is refused when the app is built.
 * `token` is whoever acts for a tenant by more than an API key; a scope is asked of API keys as well.
 */
export type Access = 'public' | 'admin' | 'token' | { readonly scope: Scope };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** Counts against the quota of events, not among the requests of management. */
    publishes?: boolean;
  }

  interface FastifyRequest {
    /** Who calls; absent on public routes. */
    principal: Principal | null;
    /** The body as it came, for routes that pass a part of it on byte for byte. */
    bodyText: string;
  }
}
