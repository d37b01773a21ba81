import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cancelReasons,
  deadLetterReasons,
  deliveryStatuses,
  isTerminal,
  statusOf,
} from '../../../src/domain/delivery-state';

describe('a delivery', () => {
  it.each([
    ['PENDING', false],
    ['IN_PROGRESS', false],
    ['SUCCESS', true],
    ['FAILED_RETRY', false],
    ['PAUSED', false],
    ['DEAD_LETTER', true],
    ['CANCELLED', true],
  ] as const)('in state %s is at its end: %s', (status, terminal) => {
    expect(isTerminal(status)).toBe(terminal);
  });

  it.each(['EXHAUSTED', 'QUEUE_FULL', 'REJECTED', 'GONE', 'EXPIRED', 'ADDRESS_BLOCKED', 'SECRET_UNREADABLE'] as const)(
    'that ends for %s is a dead letter',
    (reason) => {
      expect(statusOf(reason)).toBe('DEAD_LETTER');
    },
  );

  it.each(['WEBHOOK_DISABLED', 'WEBHOOK_DELETED', 'CANCELLED', 'TERMINATED'] as const)(
    'that ends for %s is cancelled',
    (reason) => {
      expect(statusOf(reason)).toBe('CANCELLED');
    },
  );
});

describe('the lists of states and reasons', () => {
  /** The words of `column text ... CHECK (column IN ('A', 'B'))`. */
  const checked = (column: string, migration: string): string[] => {
    const sql = readFileSync(join(__dirname, `../../../prisma/migrations/${migration}/migration.sql`), 'utf8');
    const list = new RegExp(`CHECK \\(${column} IN\\s*\\(([^)]*)\\)`).exec(sql)?.[1] ?? '';
    return [...list.matchAll(/'(\w+)'/g)].map(([, word = '']) => word);
  };

  it('are those the database checks', () => {
    expect(checked('status', '0004_deliveries')).toEqual(deliveryStatuses);
    expect(checked('reason', '0020_unreadable_secrets')).toEqual([...deadLetterReasons, ...cancelReasons]);
  });
});
