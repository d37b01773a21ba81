/**
 * The body a receiver gets.
 * The payload is spliced in as text, never parsed: key order, duplicate keys and big numbers arrive as published.
 */

export interface BodyInput {
  deliveryId: string;
  eventType: string;
  /** ISO 8601: when the event happened. */
  timestamp: string;
  eventId: string;
  webhookId: string;
  /** The JSON text of the payload exactly as the producer sent it. */
  payloadText: string;
}

/** The same input gives the same bytes, so that every attempt of a delivery sends one body. */
export function renderBody({ deliveryId, eventType, timestamp, eventId, webhookId, payloadText }: BodyInput): string {
  const envelope = JSON.stringify({
    id: deliveryId,
    type: eventType,
    timestamp,
    event_id: eventId,
    webhook_id: webhookId,
  });
  return `${envelope.slice(0, -1)},"data":${payloadText}}`;
}
