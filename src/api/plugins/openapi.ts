/**
 * The OpenAPI document at /openapi.json, made from the schemas that validate. What follows from a route's
 * declaration (who may call it, examples, the shape of errors) is worked out here, so that no route repeats it.
 */
import { STATUS_CODES } from 'node:http';
import swagger, { type SwaggerTransform } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import fp from 'fastify-plugin';
import type { TSchema } from 'typebox';
import { version } from '../../version';
import type { Access, App } from '../http';
import { errorResponseName, errorResponses, securitySchemes, tenantHeader } from '../openapi/components';
import { exampleOf } from '../openapi/example';
import { answersOf, checkRoute, type RouteSchema } from '../openapi/route-rules';
import { describeTags, tagOf } from '../openapi/tags';
import { ErrorEnvelope } from '../envelope';

export const openapiPlugin = fp(async (instance) => {
  const app = instance as unknown as App;
  app.addHook('onRoute', checkRoute);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Everhook',
        version,
        description: 'Durable webhook delivery.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      components: { securitySchemes },
    },
    convertConstToEnum: false,
    transform,
    transformObject: (made) => complete((made as unknown as { openapiObject: Document }).openapiObject) as never,
  });

  let text: string | undefined;
  app.get('/openapi.json', { schema: { hide: true }, config: { access: 'public' } }, (_request, reply) =>
    reply.type('application/json; charset=utf-8').send((text ??= JSON.stringify(app.swagger()))),
  );
});

/** From a route to the operation that the document shows. */
const transform: SwaggerTransform = ({ schema, url, route }) => {
  const own = (schema ?? {}) as RouteSchema & { description?: string };
  const access = route.config?.access ?? 'public';
  const description = [own.description, accessNote(access)].filter((part) => part !== undefined).join(' ');
  const operation = {
    ...own,
    tags: [tagOf(url)],
    ...(description !== '' && { description }),
    security: securityOf(access),
    ...(own.body !== undefined && { body: withExample(own.body as TSchema) }),
    response: Object.fromEntries(Object.entries(answersOf(own, access)).map(describeAnswer)),
  };
  return { schema: operation as FastifySchema, url };
};

function accessNote(access: Access): string | undefined {
  if (typeof access === 'object') return `Needs the scope \`${access.scope}\`.`;
  if (access === 'token') return 'Not for API keys.';
  return access === 'admin' ? 'For the admin only.' : undefined;
}

function securityOf(access: Access): Record<string, string[]>[] {
  if (access === 'public') return [];
  if (access === 'admin') return [{ adminToken: [] }];
  if (access === 'token') return [{ accessToken: [] }, { adminToken: [] }];
  return [{ accessToken: [access.scope] }, { apiKey: [access.scope] }, { adminToken: [] }];
}

function withExample(schema: TSchema): TSchema {
  const example = exampleOf(schema);
  return example === undefined ? schema : { ...schema, examples: [example] };
}

function describeAnswer([status, schema]: [string, unknown]): [string, unknown] {
  // An error's answer is replaced by a reference later; only the schema tells it from those with other shapes.
  if (schema === ErrorEnvelope) return [status, { ...ErrorEnvelope, 'x-response-description': sharedError }];
  const answer = withExample(schema as TSchema);
  return [status, { ...answer, 'x-response-description': STATUS_CODES[status] ?? status }];
}

const sharedError = 'shared error';

interface Operation {
  operationId?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: unknown[];
  requestBody?: { required?: boolean; content: Record<string, { schema: TSchema }> };
  responses: Record<string, { description?: string; $ref?: string }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
  tags?: unknown[];
}

function complete(document: Document): Document {
  const tags = new Set<string>();
  const statuses = new Set<number>();
  for (const methods of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      methods[method] = completeOperation(operation, method === 'put' && 'patch' in methods, statuses);
      for (const tag of operation.tags ?? []) tags.add(tag);
    }
  }
  return {
    ...document,
    tags: describeTags(tags),
    components: { ...document.components, parameters: { tenant: tenantHeader }, responses: errorResponses(statuses) },
  };
}

/**
 * @param isAlias of the PATCH on the same path; every operation needs an id of its own
 * @param statuses gets those whose shared answers it refers to
 */
function completeOperation(operation: Operation, isAlias: boolean, statuses: Set<number>): Operation {
  const { operationId, security = [], parameters = [], requestBody, responses } = operation;
  const ofTenant = security.some((scheme) => 'accessToken' in scheme);
  const allParameters = [...parameters, ...(ofTenant ? [{ $ref: '#/components/parameters/tenant' }] : [])];
  const shared = (status: string) => {
    statuses.add(Number(status));
    return { $ref: `#/components/responses/${errorResponseName(Number(status))}` };
  };
  return {
    ...operation,
    operationId: `${operationId}${isAlias ? 'ByPut' : ''}`,
    ...(allParameters.length > 0 && { parameters: allParameters }),
    ...(requestBody && { requestBody: { ...requestBody, required: !mayBeLeftOut(requestBody) } }),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, answer]) => [
        status,
        answer.description === sharedError ? shared(status) : answer,
      ]),
    ),
  };
}

function mayBeLeftOut({ content }: NonNullable<Operation['requestBody']>): boolean {
  const schemas = Object.values(content).map(({ schema }) => schema as { default?: unknown; anyOf?: TSchema[] });
  return schemas.some(({ default: preset, anyOf = [] }) => preset !== undefined || anyOf.some(isNull));
}

const isNull = (schema: TSchema): boolean => (schema as { type?: string }).type === 'null';
