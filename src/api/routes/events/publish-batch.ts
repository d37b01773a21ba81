/**
 * POST /v1/events/batch: up to 100 events, each answered on its own and in order. One that is refused
 * does not keep the others back.
 */
import type { FastifyRequest } from 'fastify';
import { Type, type Static, type TSchema } from 'typebox';
import { EverhookError, invalidField } from '../../../domain/errors';
import { rateLimited } from '../../../domain/rate-limit';
import type { AcceptedEvent, PublishedEvent } from '../../../outbox/accept';
import { Envelope, ErrorView, ok } from '../../envelope';
import type { App } from '../../http';
import { elementTexts, memberText } from '../../json-text';
import { toErrorBody, toEverhookError } from '../../plugins/errors';
import { compileExact, explainValidation } from '../../plugins/validation';
import { requireOwnTenant, tenantOf } from '../../principal';
import { AcceptedView, NewEvent, toAcceptedView, toPublished } from '../../schemas/event';
import type { ApiContext } from '../../context';

/** Largest body, in bytes. */
const batchBodyLimit = 4 * 1024 * 1024;

const batchOf = (event: typeof NewEvent | ReturnType<typeof Type.Unknown>) =>
  Type.Object(
    { events: Type.Array(event, { minItems: 1, maxItems: 100, description: '1 to 100 events.' }) },
    { additionalProperties: false },
  );

const ItemView = Type.Union([AcceptedView, Type.Object({ error: ErrorView })]);

const schema = {
  operationId: 'publishBatch',
  summary: 'Publish up to 100 events',
  description: 'Each event is accepted or refused on its own; the answers come in the order of the events.',
  body: batchOf(NewEvent),
  response: { 202: Envelope(Type.Array(ItemView)) },
};

const checkBatch = compileExact(batchOf(Type.Unknown()));
const checkEvent = compileExact(NewEvent);

export function publishBatch(app: App, ctx: ApiContext): void {
  const options = {
    schema,
    // The document shows what each event must be; what one of them is not must not refuse the batch.
    validatorCompiler: ({ httpPart, schema }: { httpPart?: string; schema: unknown }) =>
      httpPart === 'body' ? checkBatch : compileExact(schema as TSchema),
    bodyLimit: batchBodyLimit,
    config: { access: { scope: 'write:events' }, publishes: true },
  } as const;
  app.post('/events/batch', options, async (request, reply) => {
    const tenantId = tenantOf(request);
    if (request.headers['idempotency-key'] !== undefined) {
      throw invalidField('Idempotency-Key', 'A batch takes no Idempotency-Key; give each event an id of its own.');
    }
    const texts = elementTexts(memberText(request.bodyText, 'events') ?? '[]');
    const events: readonly unknown[] = request.body.events;
    const judged = events.map((event, at) => judge(request, event, texts[at] ?? '', ctx.config.MAX_EVENT_BYTES));

    const published = judged.filter((one): one is PublishedEvent => !(one instanceof EverhookError));
    const results = (await acceptWithinQuota(ctx, tenantId, published)).values();
    const views = judged.map((one) => {
      if (one instanceof EverhookError) return { error: toErrorBody(one) };
      return toItemView(request, results.next().value as PromiseSettledResult<AcceptedEvent>);
    });
    return reply.code(202).send(ok(views));
  });
}

/** @returns the event, or why it is refused */
function judge(
  request: FastifyRequest,
  event: unknown,
  text: string,
  maxBytes: number,
): PublishedEvent | EverhookError {
  try {
    if (Buffer.byteLength(text) > maxBytes) {
      return new EverhookError('PAYLOAD_TOO_LARGE', 'event of a batch', {
        publicMessage: `The event is larger than ${maxBytes} bytes.`,
      });
    }
    if (!checkEvent(event)) return explainValidation(checkEvent.errors as never, 'event');
    const valid = event as Static<typeof NewEvent>;
    return toPublished(requireOwnTenant(request, valid.tenant_id), valid, text, null);
  } catch (error) {
    if (error instanceof EverhookError) return error;
    throw error;
  }
}

/** Events that are refused already cost nothing; of the others the first go on and the rest are refused. */
async function acceptWithinQuota(
  ctx: ApiContext,
  tenantId: string,
  published: readonly PublishedEvent[],
): Promise<PromiseSettledResult<AcceptedEvent>[]> {
  if (published.length === 0) return [];
  const { granted, refusal } = await ctx.takeEvents(tenantId, published.length);
  const accepted = granted === 0 ? [] : await ctx.acceptBatch(tenantId, published.slice(0, granted));
  if (!refusal) return accepted;
  const refused = { status: 'rejected', reason: rateLimited(refusal, 'events a second') } as const;
  return [...accepted, ...published.slice(granted).map(() => refused)];
}

function toItemView(request: FastifyRequest, result: PromiseSettledResult<AcceptedEvent>) {
  if (result.status === 'fulfilled') return toAcceptedView(result.value);
  const error = toEverhookError(result.reason as never);
  if (error.status >= 500) request.log.error({ err: result.reason as unknown }, 'event of a batch failed');
  return { error: toErrorBody(error) };
}
