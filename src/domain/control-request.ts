/**
 * What people type into the Temporal UI for a webhook's control workflow, checked where it arrives: one
 * JSON object or nothing. Pure and without a library, because it runs in the workflow sandbox.
 */
import { terminalStatuses } from './delivery-state';
import { eventTypeFilterPattern, maxEventTypeLength } from './event-type';
import { maxReplayEventTypes, maxReplayLimit, type ReplayRequest } from './replay';
import { maxReasonLength } from './webhook-state';

/** The request is wrong; the message says what to send instead. */
export class ControlRequestError extends Error {
  override readonly name = 'ControlRequestError';
}

/** @returns the reason, or null when none was given @throws ControlRequestError */
export function readReason(value: unknown): string | null {
  const { reason } = readObject(value ?? {}, ['reason']);
  if (reason === undefined || reason === null) return null;
  if (typeof reason !== 'string' || reason.length > maxReasonLength || reason.includes('\0')) {
    throw new ControlRequestError(`reason must be text of at most ${maxReasonLength} characters.`);
  }
  return reason;
}

/** @param nowMs by the workflow's clock @throws ControlRequestError */
export function readReplayRequest(value: unknown, nowMs: number): ReplayRequest {
  const { since, until, status, event_types, limit } = readObject(value, [
    'since',
    'until',
    'status',
    'event_types',
    'limit',
  ]);
  const sinceMs = readTime('since', since);
  if (sinceMs === undefined) throw new ControlRequestError('since is required: {"since": "2026-01-31T12:00:00Z"}.');
  if (sinceMs > nowMs) throw new ControlRequestError('since lies in the future.');
  const untilMs = readTime('until', until);
  if (untilMs !== undefined && untilMs <= sinceMs) throw new ControlRequestError('until must be later than since.');
  return {
    since: new Date(sinceMs).toISOString(),
    ...(untilMs !== undefined && { until: new Date(untilMs).toISOString() }),
    ...(status !== undefined && { status: readStatus(status) }),
    ...(event_types !== undefined && { event_types: readEventTypes(event_types) }),
    ...(limit !== undefined && { limit: readLimit(limit) }),
  };
}

function readObject(value: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ControlRequestError(`Send one JSON object with ${known.join(', ')}.`);
  }
  const unknown = Object.keys(value).find((field) => !known.includes(field));
  if (unknown !== undefined) {
    throw new ControlRequestError(`There is no field ${unknown}; there are ${known.join(', ')}.`);
  }
  return value as Record<string, unknown>;
}

const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

function readTime(field: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const ms = typeof value === 'string' && dateTime.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms) || ms < 0) {
    throw new ControlRequestError(`${field} must be a date and time such as "2026-01-31T12:00:00Z".`);
  }
  return ms;
}

function readStatus(value: unknown): NonNullable<ReplayRequest['status']> {
  const status = terminalStatuses.find((one) => one === value);
  if (status === undefined) throw new ControlRequestError(`status must be one of ${terminalStatuses.join(', ')}.`);
  return status;
}

const eventTypeFilter = new RegExp(eventTypeFilterPattern);

function readEventTypes(value: unknown): string[] {
  const types: unknown[] = Array.isArray(value) ? value : [];
  const valid = types.every(
    (type) => typeof type === 'string' && type.length <= maxEventTypeLength && eventTypeFilter.test(type),
  );
  if (types.length === 0 || types.length > maxReplayEventTypes || !valid) {
    throw new ControlRequestError(
      `event_types must be a list of 1 to ${maxReplayEventTypes} event types, such as ["order.created", "invoice.*"].`,
    );
  }
  return types as string[];
}

function readLimit(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > maxReplayLimit) {
    throw new ControlRequestError(`limit must be a whole number from 1 to ${maxReplayLimit}.`);
  }
  return value as number;
}
