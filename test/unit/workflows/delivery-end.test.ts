import { cancelReasons, deadLetterReasons } from '../../../src/domain/delivery-state';
import { adviceAfter, failureMessage, whyEnded } from '../../../workflows/delivery-end';

const reasons = [...deadLetterReasons, ...cancelReasons];

describe('the end of a delivery', () => {
  it.each(reasons)('for the reason %s is explained, with what to do', (reason) => {
    expect(whyEnded(reason)).toMatch(/\w/);
    expect(adviceAfter(reason)).toMatch(/\.$/);
  });

  it('as the failure of its workflow says why, after how many attempts and what came last', () => {
    const message = failureMessage({ reason: 'EXHAUSTED', attempts: 6, last_status_code: 503 }, 'HTTP 503');

    expect(message).toBe('EXHAUSTED after 6 attempts: every attempt failed, last: HTTP 503');
  });

  it('without an answer leaves out what came last', () => {
    const message = failureMessage({ reason: 'ADDRESS_BLOCKED', attempts: 1, last_status_code: null }, null);

    expect(message).toBe('ADDRESS_BLOCKED after 1 attempt: the address of the webhook may not be contacted');
  });
});
