import { createQueueDepths, type Place } from '../../../src/outbox/queue-depths';

/** A clock and a queue in place of the database's; a count takes `tookMs` of the clock. */
function setUp({ length = 0, tookMs = 1 } = {}) {
  const world = { length, tookMs, now: 0, counts: [] as number[] };
  const depths = createQueueDepths({
    count: async (_webhookId, limit) => {
      world.counts.push(limit);
      const found = Math.min(world.length, limit);
      await Promise.resolve();
      world.now += world.tookMs;
      return found;
    },
    now: () => world.now,
  });
  /** Takes a place, and writes the delivery if there was one. */
  const add = async (max: number, webhookId = 'w'): Promise<boolean> => {
    const place = await depths.take(webhookId, max);
    if (place) world.length++;
    place?.settle(true);
    return place !== undefined;
  };
  const addAll = async (count: number, max: number): Promise<number> => {
    let added = 0;
    for (let n = 0; n < count; n++) if (await add(max)) added++;
    return added;
  };
  return { world, depths, add, addAll };
}

describe('a queue far from its limit', () => {
  it('is counted once for many deliveries', async () => {
    const { world, addAll } = setUp();

    const added = await addAll(900, 10_000);

    expect(added).toBe(900);
    expect(world.counts).toEqual([10_000]);
  });

  it('is counted again when a tenth of the room it had is taken', async () => {
    const { world, addAll } = setUp({ length: 5_000 });

    await addAll(500, 10_000);
    expect(world.counts).toHaveLength(1);
    world.now += 1_000;
    await addAll(1, 10_000);

    expect(world.counts).toHaveLength(2);
  });

  it('is counted again when the count is old and a hundredth is taken, and not for single deliveries', async () => {
    const { world, add, addAll } = setUp();
    await add(10_000);

    for (let n = 0; n < 50; n++) {
      world.now += 10_000;
      await add(10_000);
    }
    expect(world.counts).toHaveLength(1);
    await addAll(100, 10_000);

    expect(world.counts).toHaveLength(2);
  });

  it('is counted by one at a time, whoever else waits for it', async () => {
    const { world, depths } = setUp();

    await Promise.all(Array.from({ length: 50 }, () => depths.take('w', 10_000)));

    expect(world.counts).toHaveLength(1);
  });
});

describe('a queue that fills', () => {
  it.each([1, 2, 9, 10, 100, 1_000, 5_000])('takes exactly %i', async (max) => {
    const { addAll } = setUp();

    expect(await addAll(max + 20, max)).toBe(max);
  });

  it('takes exactly its limit from many at once', async () => {
    const { world, add } = setUp({ length: 3 });

    const added = await Promise.all(Array.from({ length: 50 }, () => add(10)));

    expect(added.filter(Boolean)).toHaveLength(7);
    expect(world.length).toBe(10);
  });

  it('is not full before it is, however fast it empties', async () => {
    const { world, add } = setUp();

    for (let n = 0; n < 20; n++) {
      expect(await add(1)).toBe(true);
      world.length = 0;
    }
  });

  it('overshoots by few when two processes fill it', async () => {
    const { world, addAll } = setUp({ length: 0 });
    const other = createQueueDepths({ count: (_id, limit) => Promise.resolve(Math.min(world.length, limit)) });
    const addElsewhere = async (max: number): Promise<void> => {
      const place = await other.take('w', max);
      if (place) world.length++;
      place?.settle(true);
    };

    for (let n = 0; n < 1_000; n++) {
      await addElsewhere(1_000);
      await addAll(1, 1_000);
    }

    expect(world.length).toBeGreaterThanOrEqual(1_000);
    expect(world.length).toBeLessThan(1_010);
  });

  it('notices at once what another process put into a small queue long ago', async () => {
    const { world, add } = setUp();
    await add(10);

    world.length = 10;
    world.now += 60_000;

    expect(await add(10)).toBe(false);
  });
});

describe('a full queue', () => {
  it('is counted five times a second at most', async () => {
    const { world, add } = setUp({ length: 10 });
    await add(10);
    world.counts.length = 0;

    for (const start = world.now; world.now < start + 1_000; world.now++) expect(await add(10)).toBe(false);

    expect(world.counts.length).toBeLessThanOrEqual(5);
    expect(world.counts.length).toBeGreaterThanOrEqual(4);
  });

  it('is counted more rarely when that takes long', async () => {
    const { world, add } = setUp({ length: 1_000_000, tookMs: 300 });
    await add(1_000_000);
    world.length = 0;

    world.now += 5_900;
    expect(await add(1_000_000)).toBe(false);
    world.now += 200;

    expect(await add(1_000_000)).toBe(true);
  });

  it('takes deliveries again when it has emptied', async () => {
    const { world, add, addAll } = setUp({ length: 10 });
    await add(10);
    world.length = 4;
    world.now += 250;

    expect(await addAll(20, 10)).toBe(6);
  });

  it('has room at once when its limit is raised, by no more than there is', async () => {
    const { world, addAll } = setUp({ length: 15 });
    expect(await addAll(1, 10)).toBe(0);

    const added = await addAll(20, 20);

    expect(added).toBe(5);
    expect(world.counts.slice(0, 2)).toEqual([10, 20]);
  });

  it('stays full when its limit is raised to less than there is', async () => {
    const { addAll } = setUp({ length: 25 });
    expect(await addAll(1, 10)).toBe(0);

    expect(await addAll(1, 20)).toBe(0);
  });

  it('is full at once when its limit is lowered', async () => {
    const { addAll } = setUp({ length: 15 });
    expect(await addAll(1, 100)).toBe(1);

    expect(await addAll(10, 10)).toBe(0);
  });
});

describe('a place', () => {
  /** Fills a queue of ten with places that are still held; another is asked for. */
  async function heldPlaces() {
    const { world, depths } = setUp();
    const held: (Place | undefined)[] = [];
    for (let n = 0; n < 10; n++) held.push(await depths.take('w', 10));
    let answered = false;
    const asked = depths.take('w', 10).finally(() => (answered = true));
    await new Promise(setImmediate);
    return { world, held, asked, isAnswered: () => answered };
  }

  it('keeps another waiting while the queue may be full or not', async () => {
    const { isAnswered } = await heldPlaces();

    expect(isAnswered()).toBe(false);
  });

  it('goes to another when nothing was written for it', async () => {
    const { held, asked } = await heldPlaces();

    held[0]?.settle(false);

    expect(await asked).toBeDefined();
  });

  it('is gone when it was written', async () => {
    const { world, held, asked } = await heldPlaces();

    world.length = 10;
    for (const place of held) place?.settle(true);

    expect(await asked).toBeUndefined();
  });

  it('is not counted twice when it was written before its holder says so', async () => {
    const { world, held, asked } = await heldPlaces();

    world.length = 9;
    for (const place of held) place?.settle(true);

    expect(await asked).toBeDefined();
  });
});

describe('a count that fails', () => {
  it('fails those who wait for it, and is made again for the next', async () => {
    let away = true;
    const depths = createQueueDepths({ count: () => (away ? Promise.reject(new Error('away')) : Promise.resolve(0)) });

    const answers = await Promise.allSettled([depths.take('w', 10), depths.take('w', 10)]);
    away = false;

    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await depths.take('w', 10)).toBeDefined();
  });
});

it('counts each webhook for itself', async () => {
  const { world, add } = setUp();
  for (let n = 0; n < 3; n++) await add(3, 'a');
  world.length = 0;

  expect(await add(3, 'b')).toBe(true);
});
