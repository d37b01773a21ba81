import type { EndReason } from '../../../src/domain/delivery-state';
import type { AttemptResult, DeliveryStatusAnswer } from '../../../src/temporal/contracts';
import { describeResult, renderDetails, type ShownDelivery } from '../../../workflows/delivery-details';

const waiting: DeliveryStatusAnswer = {
  state: 'waiting',
  attempts: 2,
  next_attempt_at: '2026-01-02T03:04:20.000Z',
  last_error: 'HTTP 503',
};

const common = { attempts: 1, expires_at: '2026-01-03T03:04:05.000Z' };

function shown(status: Partial<DeliveryStatusAnswer> = {}, more: Partial<ShownDelivery> = {}): ShownDelivery {
  return {
    input: {
      event_id: 'evt-1',
      event_type: 'order.created',
      webhook_id: 'wh-1',
      policy: { delays_ms: [1000, 4000, 16_000], timeout_ms: 5000, ttl_ms: 86_400_000 },
    },
    status: { ...waiting, ...status },
    endReason: null,
    attempts: [],
    expiresAt: '2026-01-03T03:04:05.000Z',
    ...more,
  };
}

const ended = (endReason: EndReason | null): ShownDelivery =>
  shown({ state: 'ended', next_attempt_at: null }, { endReason });

const firstLine = (markdown: string): string => markdown.split('\n')[0] ?? '';

function attemptLine(number: number) {
  return { number, at: `2026-01-02T03:04:0${number}.000Z`, result: 'HTTP 503' };
}

describe('the details of a delivery', () => {
  it('that waits are what to do, its attempts and when it goes on', () => {
    const markdown = renderDetails(
      shown(
        {},
        {
          attempts: [
            { number: 1, at: '2026-01-02T03:04:05.000Z', result: 'timeout' },
            { number: 2, at: '2026-01-02T03:04:06.000Z', result: 'HTTP 503' },
          ],
        },
      ),
    );

    expect(markdown).toBe(
      [
        '**Waiting for attempt 3**',
        '',
        'Nothing has to be done. Send the signal `retryNow` to try at once, or `cancel` to give up.',
        '',
        '| Attempt | At | Result |',
        '|---|---|---|',
        '| 1 | 2026-01-02 03:04:05 UTC | timeout |',
        '| 2 | 2026-01-02 03:04:06 UTC | HTTP 503 |',
        '',
        '**Next attempt:** 2026-01-02 03:04:20 UTC  ',
        '**Attempts:** 2 of at most 4  ',
        '**Given up at:** 2026-01-03 03:04:05 UTC  ',
        '**Event:** `evt-1`, `order.created`  ',
        '**Webhook:** `wh-1`',
        '',
        '---',
      ].join('\n'),
    );
  });

  it('before its first attempt leave out what is not known', () => {
    const markdown = renderDetails(
      shown({ state: 'attempting', attempts: 0, next_attempt_at: null, last_error: null }),
    );

    expect(firstLine(markdown)).toBe('**Attempt 1 is under way**');
    expect(markdown).not.toMatch(/\| Attempt|Next attempt|null|undefined/);
  });

  it('list the last five attempts', () => {
    const markdown = renderDetails(shown({}, { attempts: [1, 2, 3, 4, 5, 6, 7].map(attemptLine) }));

    expect([...markdown.matchAll(/^\| (\d) \|/gm)].map(([, number]) => number)).toEqual(['3', '4', '5', '6', '7']);
  });

  it.each([
    ['attempting', 'Attempt 3 is under way', 'Nothing to do'],
    ['waiting', 'Waiting for attempt 3', '`retryNow`'],
    ['parked', 'Parked: the webhook is paused', 'the update `resume` to `webhook:wh-1`'],
    ['busy', 'Waiting for its turn', 'turn comes by itself'],
    ['blocked', 'Blocked: the attempt could not be made', 'the last failed activity'],
  ] as const)('in state %s begin with: %s', (state, headline, advice) => {
    const markdown = renderDetails(shown({ state }));

    expect(firstLine(markdown)).toContain(headline);
    expect(markdown).toContain(advice);
  });

  it.each([
    [null, '**Delivered**', 'Nothing to do.'],
    ['EXHAUSTED', '**Dead letter, EXHAUSTED: every attempt failed**', 'Start Workflow Like This One'],
    [
      'REJECTED',
      '**Dead letter, REJECTED: the receiver refused it for good**',
      'until the receiver has been corrected',
    ],
    ['GONE', '**Dead letter, GONE: the receiver wants no more calls, and the webhook was disabled**', '`enable`'],
    ['ADDRESS_BLOCKED', '**Dead letter, ADDRESS_BLOCKED: ', 'The URL of the webhook has to be changed first'],
    ['SECRET_UNREADABLE', '**Dead letter, SECRET_UNREADABLE: ', 'has to be rotated first'],
    ['WEBHOOK_DISABLED', '**Cancelled, WEBHOOK_DISABLED: the webhook was disabled**', '`enable`'],
    ['WEBHOOK_DELETED', '**Cancelled, WEBHOOK_DELETED: the webhook was deleted**', 'It cannot be sent again.'],
    ['CANCELLED', '**Cancelled, CANCELLED: somebody gave it up**', 'Start Workflow Like This One'],
  ] as const)('after the end %s begin with: %s', (reason, headline, advice) => {
    const markdown = renderDetails(ended(reason));

    expect(firstLine(markdown)).toContain(headline);
    expect(markdown).toContain(advice);
    expect(markdown).not.toContain('Given up at');
  });

  it('show an event id as what it is, whatever it looks like', () => {
    const input = { ...shown().input, event_id: '[order](https://example.com)' };

    expect(renderDetails(shown({}, { input }))).toContain('**Event:** `[order](https://example.com)`');
  });
});

describe('the result of an attempt', () => {
  it.each([
    [{ ...common, outcome: 'success', status: 204 }, 'HTTP 204'],
    [{ ...common, outcome: 'retry', status: 503, error_code: 'http_status', retry_after_ms: null }, 'HTTP 503'],
    [{ ...common, outcome: 'retry', status: null, error_code: 'timeout', retry_after_ms: null }, 'timeout'],
    [{ ...common, outcome: 'permanent', status: 410, error_code: 'http_status', reason: 'GONE' }, 'HTTP 410'],
    [
      { ...common, outcome: 'permanent', status: null, error_code: 'address_blocked', reason: 'ADDRESS_BLOCKED' },
      'address_blocked',
    ],
    [{ ...common, outcome: 'permanent', status: null, error_code: null, reason: 'EXPIRED' }, 'not sent'],
    [{ ...common, outcome: 'cancelled', reason: 'WEBHOOK_DISABLED' }, 'not sent'],
    [{ ...common, outcome: 'parked' }, 'not sent'],
    [{ ...common, outcome: 'busy' }, 'not sent'],
    [{ ...common, outcome: 'ended', status: 'DEAD_LETTER', reason: 'EXHAUSTED', last_status_code: 503 }, 'not sent'],
  ] as [AttemptResult, string][])('%j reads: %s', (result, text) => {
    expect(describeResult(result)).toBe(text);
  });
});
