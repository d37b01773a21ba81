import { InFlight } from '../../../src/delivery/in-flight';

describe('the slots of a webhook', () => {
  it('are taken up to its limit', () => {
    const inFlight = new InFlight();

    const taken = [1, 2, 3].map(() => inFlight.take('a', 2) !== undefined);

    expect(taken).toEqual([true, true, false]);
  });

  it('can be taken again once they were given back', () => {
    const inFlight = new InFlight();
    const giveBack = inFlight.take('a', 1);

    giveBack?.();

    expect(inFlight.take('a', 1)).toBeDefined();
    expect(inFlight.take('a', 1)).toBeUndefined();
  });

  it('are its own', () => {
    const inFlight = new InFlight();
    inFlight.take('a', 1);

    expect(inFlight.take('b', 1)).toBeDefined();
  });

  it('follow a limit that was lowered or raised meanwhile', () => {
    const inFlight = new InFlight();
    const giveBack = [1, 2, 3].map(() => inFlight.take('a', 3));

    const lowered = inFlight.take('a', 2);
    giveBack[0]?.();
    const stillAtLimit = inFlight.take('a', 2);
    const raised = inFlight.take('a', 4);

    expect([lowered, stillAtLimit]).toEqual([undefined, undefined]);
    expect(raised).toBeDefined();
  });
});
