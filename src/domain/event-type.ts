/**
 * Event types and the patterns webhooks subscribe with.
 * Types are compared without regard to case; `*` never matches Everhook's own `everhook.*` types.
 */

/** Segments of letters, digits and underscores joined by dots, at most 255 characters. */
export const eventTypePattern = '^[A-Za-z0-9_]+(\\.[A-Za-z0-9_]+)*$';

/** An event type, `*`, or a type that ends in `.*` and stands for one or more further segments. */
export const eventTypeFilterPattern = '^(\\*|[A-Za-z0-9_]+(\\.[A-Za-z0-9_]+)*(\\.\\*)?)$';

export const maxEventTypeLength = 255;

const ownPrefix = 'everhook.';

/** Events about deliveries themselves, which producers may not publish. */
export function isOperationalType(eventType: string): boolean {
  return eventType.toLowerCase().startsWith(ownPrefix);
}

/** Whether a webhook with these filters gets events of this type. */
export function matchesEventType(filters: readonly string[], eventType: string): boolean {
  const type = eventType.toLowerCase();
  return filters.some((filter) => matchesOne(filter.toLowerCase(), type));
}

function matchesOne(filter: string, type: string): boolean {
  if (filter === '*') return !isOperationalType(type);
  if (filter.endsWith('.*')) return type.startsWith(filter.slice(0, -1));
  return filter === type;
}
