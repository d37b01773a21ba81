/**
 * The states of a delivery and why it came to its end.
 * The database checks the same two lists (migrations 0004 and 0020); a new state needs a migration.
 */

export const deliveryStatuses = [
  'PENDING',
  'IN_PROGRESS',
  'SUCCESS',
  'FAILED_RETRY',
  'PAUSED',
  'DEAD_LETTER',
  'CANCELLED',
] as const;

export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** No run of the delivery is under way or owed; only a replay opens it again. */
export const terminalStatuses = ['SUCCESS', 'DEAD_LETTER', 'CANCELLED'] as const satisfies readonly DeliveryStatus[];

export type TerminalStatus = (typeof terminalStatuses)[number];

export function isTerminal(status: DeliveryStatus): status is TerminalStatus {
  return (terminalStatuses as readonly DeliveryStatus[]).includes(status);
}

export const deadLetterReasons = [
  'EXHAUSTED',
  'QUEUE_FULL',
  'REJECTED',
  'GONE',
  'EXPIRED',
  'ADDRESS_BLOCKED',
  'SECRET_UNREADABLE',
] as const;
export const cancelReasons = ['WEBHOOK_DISABLED', 'WEBHOOK_DELETED', 'CANCELLED', 'TERMINATED'] as const;

export type DeadLetterReason = (typeof deadLetterReasons)[number];
export type CancelReason = (typeof cancelReasons)[number];
export type EndReason = DeadLetterReason | CancelReason;

/** The terminal status that goes with a reason other than success. */
export function statusOf(reason: EndReason): 'DEAD_LETTER' | 'CANCELLED' {
  return (cancelReasons as readonly EndReason[]).includes(reason) ? 'CANCELLED' : 'DEAD_LETTER';
}
