import {
  classifyFailure,
  classifyStatus,
  failureCodes,
  type AttemptVerdict,
} from '../../../src/domain/attempt-outcome';

const success: AttemptVerdict = { kind: 'success' };
const retried: AttemptVerdict = { kind: 'retry', errorCode: 'http_status', honoursRetryAfter: false };
const retriedWhenAsked: AttemptVerdict = { ...retried, honoursRetryAfter: true };
const redirect: AttemptVerdict = { kind: 'retry', errorCode: 'redirect_rejected', honoursRetryAfter: false };
const notHttp: AttemptVerdict = { kind: 'retry', errorCode: 'bad_response', honoursRetryAfter: false };
const rejected: AttemptVerdict = { kind: 'permanent', errorCode: 'http_status', reason: 'REJECTED' };
const gone: AttemptVerdict = { kind: 'permanent', errorCode: 'http_status', reason: 'GONE' };

/** Every status there is: the first row that has it counts. */
const rows: readonly { from: number; to: number; verdict: AttemptVerdict; meaning: string }[] = [
  { from: 100, to: 199, verdict: notHttp, meaning: 'no final answer, tried again like a network error' },
  { from: 200, to: 299, verdict: success, meaning: 'success' },
  { from: 300, to: 399, verdict: redirect, meaning: 'a redirect, never followed, tried again' },
  { from: 408, to: 408, verdict: retried, meaning: 'tried again' },
  { from: 410, to: 410, verdict: gone, meaning: 'a dead letter whose receiver asks never to be called again' },
  { from: 425, to: 425, verdict: retried, meaning: 'tried again' },
  { from: 429, to: 429, verdict: retriedWhenAsked, meaning: 'tried again when the receiver says' },
  { from: 400, to: 499, verdict: rejected, meaning: 'a dead letter at once' },
  { from: 503, to: 503, verdict: retriedWhenAsked, meaning: 'tried again when the receiver says' },
  { from: 500, to: 599, verdict: retried, meaning: 'tried again' },
  { from: 600, to: 999, verdict: notHttp, meaning: 'no HTTP status, tried again like a network error' },
];

describe('the status of an answer', () => {
  it.each(rows)('$from to $to is $meaning', ({ from, to, verdict }) => {
    const statuses = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    const own = statuses.filter((status) => rows.find((row) => row.from <= status && status <= row.to)?.from === from);

    const verdicts = own.map(classifyStatus);

    expect(own).not.toHaveLength(0);
    expect(verdicts).toEqual(own.map(() => verdict));
  });

  it('is classified for every number from 100 to 999', () => {
    const counts = new Map<string, number>();

    for (let status = 100; status <= 999; status++) {
      const { kind } = classifyStatus(status);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }

    expect(Object.fromEntries(counts)).toEqual({ success: 100, retry: 100 + 100 + 3 + 100 + 400, permanent: 97 });
  });
});

describe('an attempt without a usable answer', () => {
  it.each(failureCodes.filter((code) => code !== 'address_blocked'))('is tried again after %s', (code) => {
    expect(classifyFailure(code)).toEqual({ kind: 'retry', errorCode: code, honoursRetryAfter: false });
  });

  it('is a dead letter when the address is blocked', () => {
    expect(classifyFailure('address_blocked')).toEqual({
      kind: 'permanent',
      errorCode: 'address_blocked',
      reason: 'ADDRESS_BLOCKED',
    });
  });
});
