import { FairQueue, type Turn } from '../../../src/outbox/fair-queue';

function takeAll<T>(queue: FairQueue<T>): Turn<T>[] {
  const turns: Turn<T>[] = [];
  for (let turn = queue.next(); turn; turn = queue.next()) turns.push(turn);
  return turns;
}

const itemsOf = <T>(turns: readonly Turn<T>[]): T[] => turns.map(({ item }) => item);

describe('a queue that is fair', () => {
  it('gives tenants equal turns, however much each has and in however many webhooks', () => {
    const queue = new FairQueue<string>();
    for (const n of [1, 2, 3, 4]) queue.push('big', 'one', `big-one-${n}`);
    for (const n of [1, 2]) queue.push('big', 'two', `big-two-${n}`);
    for (const n of [1, 2]) queue.push('small', 'three', `small-${n}`);

    expect(itemsOf(takeAll(queue))).toEqual([
      'big-one-1',
      'small-1',
      'big-two-1',
      'small-2',
      'big-one-2',
      'big-two-2',
      'big-one-3',
      'big-one-4',
    ]);
    expect(queue.size).toBe(0);
  });

  it('keeps the order of each webhook', () => {
    const queue = new FairQueue<number>();
    for (const n of [3, 1, 2]) queue.push('acme', 'webhook', n);

    expect(itemsOf(takeAll(queue))).toEqual([3, 1, 2]);
  });

  it('has few of one webhook under way at first, and more with each that ends', () => {
    const queue = new FairQueue<number>();
    for (let n = 0; n < 100; n++) queue.push('acme', 'webhook', n);

    const first = takeAll(queue);
    expect(first).toHaveLength(16);
    expect(queue.size).toBe(84);
    first[0]?.end();
    expect(takeAll(queue)).toHaveLength(2);
    for (const turn of first.slice(1)) turn.end();
    expect(takeAll(queue)).toHaveLength(30);
  });

  it('gives out what waits for a webhook that takes no more, and leaves the others alone', () => {
    const queue = new FairQueue<string>();
    for (let n = 0; n < 18; n++) queue.push('acme', 'full', `full-${n}`);
    const turns = takeAll(queue);
    queue.push('acme', 'other', 'other');

    expect(turns[0]?.crowded()).toEqual(['full-16', 'full-17']);
    turns[0]?.end();

    expect(itemsOf(takeAll(queue))).toEqual(['other']);
    expect(queue.size).toBe(0);
  });

  it('gives out all that waits at the end', () => {
    const queue = new FairQueue<string>();
    queue.push('acme', 'one', 'a');
    queue.push('globex', 'two', 'b');

    expect(queue.drain()).toEqual(['a', 'b']);
    expect([queue.next(), queue.size]).toEqual([undefined, 0]);
  });

  it('forgets webhooks that have nothing left', () => {
    const queue = new FairQueue<number>();
    queue.push('acme', 'webhook', 1);
    queue.next()?.end();

    expect(queue['lines'].size + queue['ready'].size).toBe(0);
  });
});
