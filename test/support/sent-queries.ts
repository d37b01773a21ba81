/** What is sent to Postgres while something runs, as it is sent. Of the whole process, so one at a time. */
import { Client } from 'pg';

export interface Query {
  /** What began the transaction that it was sent in. */
  readonly begin: string;
  readonly text: string;
  readonly values: unknown[];
}

export async function queriesDuring(work: () => Promise<void>): Promise<Query[]> {
  const sent: Query[] = [];
  let begin = 'BEGIN';
  const original = Reflect.get(Client.prototype, 'query') as (...args: unknown[]) => unknown;
  Reflect.set(Client.prototype, 'query', function record(this: Client, ...args: unknown[]) {
    const [first, second] = args;
    const given = typeof first === 'string' ? { text: first, values: second } : (first as Partial<Query>);
    const values = Array.isArray(given.values) ? given.values : Array.isArray(second) ? second : [];
    if (given.text?.startsWith('BEGIN') === true) begin = given.text;
    if (given.text !== undefined) sent.push({ begin, text: given.text, values });
    return original.apply(this, args);
  });
  try {
    await work();
  } finally {
    Reflect.set(Client.prototype, 'query', original);
  }
  return sent;
}
