/**
 * POST /v1/auth: client credentials against an access token, as RFC 6749 section 4.4 has it, in its
 * form encoding or as JSON. Its errors are OAuth's, not the envelope.
 */
import formbody from '@fastify/formbody';
import type { FastifyError, FastifyReply } from 'fastify';
import { Type, type Static } from 'typebox';
import { networkOf } from '../../../address-ranges';
import { tokenLifetimeSeconds, toScopes } from '../../access-tokens';
import type { RateLimit } from '../../../domain/rate-limit';
import { createFailedLogins } from '../../failed-logins';
import type { App } from '../../http';
import { toEverhookError } from '../../plugins/errors';
import { scopes, type Scope } from '../../principal';
import { errors } from '../../schemas/common';
import { hashSecret, isSecret } from '../../secret-hash';
import type { ApiContext } from '../../context';

const TokenRequest = Type.Object(
  {
    grant_type: Type.String({ description: 'client_credentials', examples: ['client_credentials'] }),
    client_id: Type.Optional(Type.String({ maxLength: 255, examples: ['ehc_01JH2YZK3WQ0T5E6R8D1M4X9CF'] })),
    client_secret: Type.Optional(Type.String({ maxLength: 255, examples: ['ehs_...'] })),
    scope: Type.Optional(
      Type.String({
        maxLength: 1024,
        description: 'Parted by spaces; all of them when left out.',
        examples: ['write:events read:deliveries'],
      }),
    ),
  },
  { additionalProperties: false },
);

const OAuthError = Type.Object({
  error: Type.Enum(['invalid_client', 'invalid_request', 'unsupported_grant_type', 'invalid_scope']),
  error_description: Type.String({ examples: ['The client_id or client_secret is wrong.'] }),
});

/** RFC 6749 names no error for this one; the code is the nearest of those it has elsewhere. */
const TooManyFailures = Type.Object({
  error: Type.Literal('temporarily_unavailable'),
  error_description: Type.String({ examples: ['Too many failed logins; try again later.'] }),
  details: Type.Object({
    limit: Type.Integer({ examples: [20] }),
    remaining: Type.Integer({ examples: [0] }),
    reset: Type.Integer({ description: 'Seconds until the next try.', examples: [42] }),
  }),
});

const schema = {
  operationId: 'issueToken',
  summary: 'Get an access token',
  description:
    'As in RFC 6749, section 4.4, with the credentials in the body or by HTTP Basic. Answers and errors are those of OAuth 2.',
  consumes: ['application/json', 'application/x-www-form-urlencoded'],
  body: TokenRequest,
  response: {
    200: Type.Object({
      access_token: Type.String({ examples: ['eyJhbGciOiJIUzI1NiIs...'] }),
      token_type: Type.Literal('Bearer'),
      expires_in: Type.Integer({ description: 'Seconds.', examples: [tokenLifetimeSeconds] }),
      scope: Type.String({ examples: ['write:events read:deliveries'] }),
    }),
    400: OAuthError,
    401: OAuthError,
    429: TooManyFailures,
    ...errors(503),
  },
};

type OAuthErrorCode = Static<typeof OAuthError>['error'];

class OAuthFailure extends Error {
  constructor(
    readonly code: OAuthErrorCode,
    description: string,
  ) {
    super(description);
  }
}

class LoginsLimited extends Error {
  constructor(readonly details: RateLimit) {
    super('Too many failed logins; try again later.');
  }
}

/** What a client_id is made of (RFC 6749, A.1); the database could not even compare some of the rest. */
const printable = /^[\x20-\x7e]+$/;

/** What an error_description must not hold (RFC 6749, 5.2); parts of the request may stand in it. */
const undescribable = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/g;

/** Compared with when there is no such client, so that the answer takes as long. */
const nobodysHash = hashSecret('no such client');

export async function issueToken(parent: App, ctx: ApiContext): Promise<void> {
  await parent.register(async (app) => {
    await app.register(formbody);
    const failedLogins = createFailedLogins();
    app.setErrorHandler((error, _request, reply) => {
      if (error instanceof OAuthFailure) return sendOAuth(reply, error);
      if (error instanceof LoginsLimited) return sendLimited(reply, error);
      const known = toEverhookError(error as FastifyError);
      if (known.status < 500) return sendOAuth(reply, new OAuthFailure('invalid_request', known.publicMessage));
      throw error;
    });
    (app as unknown as App).post('/auth', { schema, config: { access: 'public' } }, async (request, reply) => {
      const { grant_type, scope } = request.body;
      if (grant_type !== 'client_credentials') {
        throw new OAuthFailure('unsupported_grant_type', 'grant_type must be client_credentials.');
      }
      const { clientId, clientSecret } = credentialsOf(request.headers.authorization, request.body);
      const isClientId = printable.test(clientId);
      const names = [`address ${networkOf(request.ip)}`, ...(isClientId ? [`client ${clientId}`] : [])];
      const refuseWhenLimited = () => {
        const reached = failedLogins.limitOf(names);
        if (reached) throw new LoginsLimited(reached);
      };
      refuseWhenLimited();
      const client = isClientId ? await ctx.tenants.findByClientId(clientId) : undefined;
      const matches = isSecret(clientSecret, client?.clientSecretHash ?? nobodysHash);
      // Others may have failed while the database was asked; of many at once no more than the limit are judged.
      refuseWhenLimited();
      if (!client || !matches) {
        failedLogins.count(names);
        throw new OAuthFailure('invalid_client', 'The client_id or client_secret is wrong.');
      }

      const granted = grant(scope);
      const accessToken = await ctx.accessTokens.issue({
        tenantId: client.tenantId,
        clientId,
        scopes: granted,
        credentialsVersion: client.credentialsVersion,
      });
      return reply.header('cache-control', 'no-store').send({
        access_token: accessToken,
        token_type: 'Bearer',
        expires_in: tokenLifetimeSeconds,
        scope: granted.join(' '),
      });
    });
  });
}

/** Either in the body or by HTTP Basic, and not both (RFC 6749, 2.3); naming the same client twice does no harm. */
function credentialsOf(authorization: string | undefined, body: Static<typeof TokenRequest>) {
  const basic = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (basic === undefined) return { clientId: body.client_id ?? '', clientSecret: body.client_secret ?? '' };
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(/:(.*)/s);
  const clientId = decode(id);
  if (body.client_secret !== undefined || (body.client_id ?? clientId) !== clientId) {
    throw new OAuthFailure('invalid_request', 'Send the credentials by HTTP Basic or in the body, not both.');
  }
  return { clientId, clientSecret: decode(secret) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', '%20'));
  } catch {
    return part;
  }
}

function grant(asked: string | undefined): Scope[] {
  if (asked === undefined || asked.trim() === '') return [...scopes];
  const granted = toScopes(asked);
  const unknown = asked.split(' ').filter((name) => name !== '' && !(scopes as readonly string[]).includes(name));
  if (unknown.length > 0) throw new OAuthFailure('invalid_scope', `There is no scope ${unknown[0] ?? ''}.`);
  return granted;
}

function sendOAuth(reply: FastifyReply, failure: OAuthFailure): FastifyReply {
  if (failure.code === 'invalid_client') void reply.header('www-authenticate', 'Basic realm="everhook"');
  return reply
    .code(failure.code === 'invalid_client' ? 401 : 400)
    .header('cache-control', 'no-store')
    .send({ error: failure.code, error_description: failure.message.replaceAll(undescribable, '?') });
}

function sendLimited(reply: FastifyReply, { message, details }: LoginsLimited): FastifyReply {
  return reply
    .code(429)
    .header('cache-control', 'no-store')
    .header('retry-after', String(details.reset))
    .send({ error: 'temporarily_unavailable', error_description: message, details });
}
