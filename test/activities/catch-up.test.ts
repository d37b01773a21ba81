import { MockActivityEnvironment } from '@temporalio/testing';
import { catchUpActivity } from '../../activities/catch-up';
import type { CaughtUp } from '../../src/delivery/catch-up';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const nothing: CaughtUp = { standing: undefined, resumed: 0, cancelled: 0, replay: undefined, more: false };

describe('catching up', () => {
  it('is known to be alive although one page of it takes long, and is silent afterwards', async () => {
    const env = new MockActivityEnvironment();
    let beats = 0;
    env.on('heartbeat', () => beats++);
    let end: (result: CaughtUp) => void = () => {};
    const catchUp = () => new Promise<CaughtUp>((resolve) => (end = resolve));

    const running = env.run(catchUpActivity, { catchUp }, { webhook_id: 'w1' });
    await jest.advanceTimersByTimeAsync(30_000);
    const meanwhile = beats;
    end(nothing);
    await running;
    await jest.advanceTimersByTimeAsync(30_000);

    expect(meanwhile).toBe(6);
    expect(beats).toBe(meanwhile);
  });
});
