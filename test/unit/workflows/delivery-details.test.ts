import type { AttemptResult, DeliveryStatusAnswer } from '../../../src/temporal/contracts';
import { describeResult, renderDetails } from '../../../workflows/delivery-details';

const waiting: DeliveryStatusAnswer = {
  state: 'waiting',
  attempts: 2,
  next_attempt_at: '2026-01-02T03:04:20.000Z',
  last_error: 'HTTP 503',
};

const common = { attempts: 1, expires_at: '2026-01-03T03:04:05.000Z' };

function attemptLine(number: number) {
  return { number, at: `2026-01-02T03:04:0${number}.000Z`, result: 'HTTP 503' };
}

describe('the details of a delivery', () => {
  it('that waits are its state, its attempts and what to do', () => {
    const markdown = renderDetails(
      waiting,
      [
        { number: 1, at: '2026-01-02T03:04:05.000Z', result: 'timeout' },
        { number: 2, at: '2026-01-02T03:04:06.000Z', result: 'HTTP 503' },
      ],
      '2026-01-03T03:04:05.000Z',
    );

    expect(markdown).toBe(
      [
        '**State:** waiting  ',
        '**Attempts in this replay:** 2  ',
        '**Next attempt:** 2026-01-02T03:04:20.000Z  ',
        '**Last error:** HTTP 503  ',
        '**Expires:** 2026-01-03T03:04:05.000Z',
        '',
        '| Attempt | At | Result |',
        '|---|---|---|',
        '| 1 | 2026-01-02T03:04:05.000Z | timeout |',
        '| 2 | 2026-01-02T03:04:06.000Z | HTTP 503 |',
        '',
        '_Send the signal `retryNow` to try at once, or `cancel` to give up._',
      ].join('\n'),
    );
  });

  it('before its first attempt leave out what is not known', () => {
    const markdown = renderDetails(
      { state: 'attempting', attempts: 0, next_attempt_at: null, last_error: null },
      [],
      null,
    );

    expect(markdown).toBe(
      '**State:** attempting  \n**Attempts in this replay:** 0\n\n_Nothing to do: the answer of the receiver is awaited._',
    );
  });

  it('list the last five attempts', () => {
    const markdown = renderDetails(waiting, [1, 2, 3, 4, 5, 6, 7].map(attemptLine), null);

    expect([...markdown.matchAll(/^\| (\d) \|/gm)].map(([, number]) => number)).toEqual(['3', '4', '5', '6', '7']);
  });

  it.each([
    ['attempting', 'Nothing to do'],
    ['waiting', '`retryNow`'],
    ['parked', 'Resume the webhook'],
    ['busy', 'turn comes by itself'],
    ['blocked', 'failure of the last activity'],
    ['ended', 'Start Workflow Like This One'],
  ] as const)('in state %s advise: %s', (state, advice) => {
    expect(renderDetails({ ...waiting, state }, [], null)).toMatch(new RegExp(`_[^_]*${advice}[^_]*_$`));
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
