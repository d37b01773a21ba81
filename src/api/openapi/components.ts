/** What many operations of the document share: credentials, the tenant's header, and the answers for errors. */
import { STATUS_CODES } from 'node:http';
import { errorTable, type ErrorCode } from '../../domain/errors';
import { ErrorEnvelope, failed } from '../envelope';

export const securitySchemes = {
  accessToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: "A tenant's access token from `POST /v1/auth`, or one of the gateway's own.",
  },
  apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: "An API key of the tenant's, `ehk_...`." },
  adminToken: { type: 'http', scheme: 'bearer', description: "The operator's `ADMIN_TOKEN`." },
} as const;

export const tenantHeader = {
  name: 'x-tenant-id',
  in: 'header',
  required: false,
  description: 'Whose data is meant. Needed with the admin token only, which belongs to no tenant.',
  schema: { type: 'string' },
  example: 'acme',
};

/**
 * The answers with these statuses, with an example for each code that the error table has for one.
 *
 * @returns by the name that `errorResponseName` gives a status
 */
export function errorResponses(statuses: ReadonlySet<number>) {
  return Object.fromEntries(
    [...statuses].sort((a, b) => a - b).map((status) => [errorResponseName(status), errorResponse(status)]),
  );
}

/** @returns such as `NotFound` */
export function errorResponseName(status: number): string {
  return (STATUS_CODES[status] ?? '').replaceAll(/[^A-Za-z]/g, '');
}

function errorResponse(status: number) {
  const codes = (Object.keys(errorTable) as ErrorCode[]).filter((code) => errorTable[code].status === status);
  const headers = headersOf(status);
  return {
    description: `${STATUS_CODES[status]}: ${codes.map((code) => `\`${code}\``).join(', ')}.`,
    ...(headers && { headers }),
    content: {
      'application/json': {
        schema: ErrorEnvelope,
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleEnvelope(code) }])),
      },
    },
  };
}

function exampleEnvelope(code: ErrorCode) {
  return failed({
    code,
    message: errorTable[code].publicMessage,
    ...(code === 'VALIDATION_ERROR' && { message: 'url is required.', field: 'url' }),
    ...(code === 'RATE_LIMITED' && { details: { limit: 600, remaining: 0, reset: 12 } }),
  });
}

function headersOf(status: number) {
  const retryAfter = { 'retry-after': { description: 'Seconds until the next try.', schema: { type: 'integer' } } };
  switch (status) {
    case 401:
      return { 'www-authenticate': { description: 'The scheme to use.', schema: { type: 'string' } } };
    case 429:
    case 503:
      return retryAfter;
    default:
      return undefined;
  }
}
