import { createFailedLogins } from '../../../src/api/failed-logins';

let now: number;

beforeEach(() => {
  now = 1_000;
});

const create = () => createFailedLogins(() => now);

function fail(logins: ReturnType<typeof create>, names: string[], times: number): void {
  for (let n = 0; n < times; n++) logins.count(names);
}

describe('failed logins', () => {
  it('are taken 20 times, then refused until a minute after the first', () => {
    const logins = create();

    fail(logins, ['client a'], 19);
    const before = logins.limitOf(['client a']);
    now += 12_500;
    fail(logins, ['client a'], 1);
    const after = logins.limitOf(['client a']);
    now += 47_499;
    const last = logins.limitOf(['client a']);
    now += 1;
    const free = logins.limitOf(['client a']);

    expect(before).toBeUndefined();
    expect(after).toEqual({ limit: 20, remaining: 0, reset: 48 });
    expect(last).toEqual({ limit: 20, remaining: 0, reset: 1 });
    expect(free).toBeUndefined();
  });

  it('are counted for each name by itself, and one that is full is enough', () => {
    const logins = create();

    for (let n = 0; n < 20; n++) logins.count([`client ${n}`, 'address x']);

    expect(logins.limitOf(['client 0'])).toBeUndefined();
    expect(logins.limitOf(['client new', 'address x'])).toBeDefined();
    expect(logins.limitOf(['client new', 'address y'])).toBeUndefined();
  });

  it('of many names do not fill the memory: the oldest are forgotten', () => {
    const logins = create();
    fail(logins, ['client old'], 20);

    for (let n = 0; n < 20_000; n++) logins.count([`client ${n}`]);

    expect(logins.limitOf(['client old'])).toBeUndefined();
  });

  it('begin anew after the window', () => {
    const logins = create();
    fail(logins, ['client a'], 20);
    now += 60_000;

    fail(logins, ['client a'], 19);

    expect(logins.limitOf(['client a'])).toBeUndefined();
  });
});
