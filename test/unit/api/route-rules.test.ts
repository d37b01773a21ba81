import type { RouteOptions } from 'fastify';
import { Type } from 'typebox';
import { answersOf, checkRoute } from '../../../src/api/openapi/route-rules';
import { IdParams } from '../../../src/api/schemas/common';

const schema = {
  operationId: 'probe',
  summary: 'A probe',
  params: IdParams,
  body: Type.Object({}),
  response: { 200: Type.Object({}) },
};

const check = (route: Partial<RouteOptions>) => () =>
  checkRoute({ method: 'POST', url: '/v1/events/:id/probe', schema, ...route });

const without = (name: keyof typeof schema) =>
  Object.fromEntries(Object.entries(schema).filter(([key]) => key !== name)) as RouteOptions['schema'];

describe('a route', () => {
  it('that is described as a whole is taken', () => {
    expect(check({})).not.toThrow();
  });

  it('that is left out of the document, or that Fastify makes for HEAD, need not be described', () => {
    expect(check({ schema: { hide: true } })).not.toThrow();
    expect(check({ method: 'HEAD', schema: {} })).not.toThrow();
  });

  it('with nothing is refused by its name and all that it lacks', () => {
    expect(check({ schema: {} })).toThrow(
      /route POST \/v1\/events\/:id\/probe lacks an operationId.*summary.*params.*body.*success/,
    );
  });

  it.each(['operationId', 'summary', 'params', 'body'] as const)('without %s is refused', (name) => {
    expect(check({ schema: without(name) })).toThrow(name);
  });

  it('without an answer for its success is refused', () => {
    const response = { 409: Type.Object({}) };

    expect(check({ schema: { ...schema, response } })).toThrow(/lacks an answer for its success/);
  });

  it('that changes something by another method needs a schema of its body as well', () => {
    expect(check({ method: ['PATCH', 'PUT'], schema: without('body') })).toThrow('body');
  });

  it('of a resource without a tag is refused', () => {
    expect(check({ url: '/v1/oddities/:id' })).toThrow(/lacks a tag/);
  });
});

describe('the answers of a route', () => {
  const statuses = (...route: Parameters<typeof answersOf>) => Object.keys(answersOf(...route)).map(Number);
  const { body: _, ...bodiless } = schema;

  it('are its own and those of whoever asks for credentials', () => {
    expect(statuses(bodiless, { scope: 'read:events' })).toEqual([200, 400, 401, 403, 404, 429, 503]);
    expect(statuses(bodiless, 'admin')).toEqual(statuses(bodiless, 'token'));
  });

  it('are two more where it takes a body', () => {
    expect(statuses(schema, 'token')).toEqual([200, 400, 401, 403, 404, 413, 415, 429, 503]);
  });

  it('are its own alone when it is public', () => {
    expect(statuses(schema, 'public')).toEqual([200]);
  });
});
