/**
 * What every route must say of itself, and what need not be said because it follows. A route that says too
 * little stops the app from being built, so that the document has no gaps: neither today nor for the next route.
 */
import type { RouteOptions } from 'fastify';
import type { Access } from '../http';
import { errors } from '../schemas/common';
import { tagOf } from './tags';

export interface RouteSchema {
  readonly hide?: boolean;
  readonly operationId?: string;
  readonly summary?: string;
  readonly params?: unknown;
  readonly querystring?: unknown;
  readonly body?: unknown;
  readonly response?: Readonly<Record<string, unknown>>;
}

type Route = Pick<RouteOptions, 'method' | 'url' | 'schema'>;

/** @throws Error that names the route and everything it lacks */
export function checkRoute(route: Route): void {
  const schema = (route.schema ?? {}) as RouteSchema;
  // Fastify makes HEAD of every GET; what is left out of the document needs no description.
  if (schema.hide || String(route.method) === 'HEAD') return;
  const lacking = [...lackingWords(route.url, schema), ...lackingSchemas(route, schema), ...lackingAnswers(schema)];
  if (lacking.length > 0) throw new Error(`The route ${String(route.method)} ${route.url} lacks ${lacking.join(', ')}`);
}

function lackingWords(url: string, { operationId, summary }: RouteSchema): string[] {
  return [
    ...(/^[a-z][A-Za-z]+$/.test(operationId ?? '') ? [] : ['an operationId in camelCase']),
    ...(summary ? [] : ['a summary']),
    ...(tagOf(url) === undefined ? ['a tag in src/api/openapi/tags.ts'] : []),
  ];
}

function lackingSchemas({ method, url }: Route, schema: RouteSchema): string[] {
  const takesBody = [method].flat().some((one) => ['POST', 'PUT', 'PATCH'].includes(one));
  return [
    ...(url.includes(':') && schema.params === undefined ? ['a schema of its params'] : []),
    ...(takesBody && schema.body === undefined ? ['a schema of its body'] : []),
  ];
}

function lackingAnswers({ response = {} }: RouteSchema): string[] {
  return Object.keys(response).some((status) => /^2\d\d$/.test(status)) ? [] : ['an answer for its success'];
}

/** The answers of a route: its own, and the refusals that follow from who may call it and whether it takes a body. */
export function answersOf(schema: RouteSchema, access: Access | undefined): Record<string, unknown> {
  // OAuth and the probes have conventions of their own.
  if (access === undefined || access === 'public') return { ...schema.response };
  const ofBody = schema.body === undefined ? {} : errors(413, 415);
  // 400 for credentials of two kinds, 404 for an x-tenant-id that is nobody's.
  return { ...errors(400, 401, 403, 404, 429, 503), ...ofBody, ...schema.response };
}
