import { Grouped } from '../../src/grouped';

function arrange(options: { maxBatch?: number; maxUnderWay?: number; nameOf?: (n: number) => string } = {}) {
  const batches: { inputs: readonly number[]; end: (error?: Error) => void }[] = [];
  const grouped = new Grouped<number, string>({
    maxBatch: 10,
    maxUnderWay: 1,
    isOfOne: (error) => (error as Error).message === 'one is bad',
    ...options,
    work: (inputs) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error ? reject(error) : resolve(inputs.map((n) => `done ${n}`)));
        batches.push({ inputs, end });
      }),
  });
  return { grouped, batches };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('grouped work', () => {
  it('makes one batch of what comes together, and gives everybody their own result', async () => {
    const { grouped, batches } = arrange();

    const results = Promise.all([1, 2, 3].map((n) => grouped.add(n)));
    await turn();
    batches[0]?.end();

    expect(batches.map(({ inputs }) => inputs)).toEqual([[1, 2, 3]]);
    expect(await results).toEqual(['done 1', 'done 2', 'done 3']);
  });

  it('gathers what comes while a batch is under way', async () => {
    const { grouped, batches } = arrange();

    const results = [grouped.add(1)];
    await turn();
    results.push(grouped.add(2), grouped.add(3));
    await turn();
    expect(batches).toHaveLength(1);
    batches[0]?.end();
    await turn();
    await turn();
    batches[1]?.end();

    expect(batches.map(({ inputs }) => inputs)).toEqual([[1], [2, 3]]);
    expect(await Promise.all(results)).toEqual(['done 1', 'done 2', 'done 3']);
  });

  it('has as many batches under way as it may, each as large as it may be', async () => {
    const { grouped, batches } = arrange({ maxBatch: 2, maxUnderWay: 2 });

    for (const n of [1, 2, 3, 4, 5]) void grouped.add(n);
    await turn();
    await turn();

    expect(batches.map(({ inputs }) => inputs)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('keeps inputs of one name in batches of their own', async () => {
    const { grouped, batches } = arrange({ maxUnderWay: 2, nameOf: (n) => String(n % 10) });

    for (const n of [1, 11, 2, 21]) void grouped.add(n);
    await turn();
    await turn();
    batches[0]?.end();
    await turn();
    await turn();

    expect(batches.map(({ inputs }) => inputs)).toEqual([[1, 2], [11], [21]]);
  });

  it('tries each alone when one of them may be to blame', async () => {
    const { grouped, batches } = arrange();

    const results = Promise.allSettled([grouped.add(1), grouped.add(2)]);
    await turn();
    batches[0]?.end(new Error('one is bad'));
    await turn();
    batches[1]?.end(new Error('one is bad'));
    await turn();
    batches[2]?.end();

    expect(await results).toMatchObject([
      { status: 'rejected', reason: { message: 'one is bad' } },
      { status: 'fulfilled', value: 'done 2' },
    ]);
  });

  it('tells everybody of an error that is nobody’s', async () => {
    const { grouped, batches } = arrange();

    const results = Promise.allSettled([grouped.add(1), grouped.add(2)]);
    await turn();
    batches[0]?.end(new Error('the database is away'));

    expect(await results).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
    expect(batches).toHaveLength(1);
  });
});
