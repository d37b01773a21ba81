/**
 * The process that accepts and sends in the direct lane is killed at one point after another of a delivery's course;
 * the next process, which is killed in its turn, finds what was left.
 */
import type { ServerResponse } from 'node:http';
import { killProcesses, spawnEverhook, type EverhookProcess } from '../support/everhook-process';
import type { Receiver } from '../support/receiver';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

const events = 20;
const maxInFlight = 8;

let system: TestSystem;
let tenant: TestTenant;
let victim: EverhookProcess;

const spawnNext = (): EverhookProcess => spawnEverhook(['api', 'worker'], system);

beforeAll(async () => {
  system = await TestSystem.start({
    env: { OUTBOX_CLAIM_MS: '1000', RETRY_WORKER_INTERVAL_MS: '200', SLOT_LEASE_MS: '1500' },
  });
  victim = spawnNext();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(async () => {
  killProcesses();
  await system.stop();
});

interface Scene {
  readonly receiver: Receiver;
  /** Resolves when all that were published have been answered, or never will be. */
  readonly published: Promise<unknown>;
}

/** Resolves at the moment at which the process is to be killed. */
type Point = (scene: Scene) => Promise<unknown>;

const rowsThat = async (condition: string): Promise<number> => {
  const sql = `SELECT count(*)::int AS found FROM hook.deliveries WHERE tenant_id = $1 AND ${condition}`;
  const [row] = await system.database.query<{ found: number }>(sql, [tenant.id]);
  return row?.found ?? 0;
};

/** The receiver has had so many requests and does this with the last of them; those before are answered. */
const atRequest =
  (count: number, last: (response: ServerResponse, now: () => void) => void, before = 204): Point =>
  ({ receiver }) =>
    new Promise<void>((resolve) => {
      receiver.answer = (response, _arrival, n) => {
        if (n === count) last(response, resolve);
        else response.writeHead(before).end();
      };
    });

const noAnswer = (): void => {};

const inState =
  (condition: string, answer: Receiver['answer']): Point =>
  ({ receiver }) => {
    receiver.answer = answer;
    return waitFor(() => rowsThat(condition).then((found) => found > 0), condition);
  };

const points: [string, Point][] = [
  ['when the first event is about to be sent', atRequest(1, (_response, now) => now())],
  ['when all events have just been accepted', ({ published }) => published],
  ['while a tenth request waits for its answer', atRequest(10, (_response, now) => now())],
  [
    'in the middle of an answer',
    atRequest(3, (response, now) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => now());
    }),
  ],
  ['when a success has been answered and not recorded', atRequest(5, (response, now) => response.end(now))],
  [
    'when a failure has been answered and not recorded',
    atRequest(5, (response, now) => response.writeHead(500).end(now), 500),
  ],
  ['when a success has been recorded', inState("status = 'SUCCESS'", 204)],
  ['when a failure has been recorded', inState("status = 'FAILED_RETRY'", 500)],
  ['when a workflow has gone on after a failure', inState("status = 'FAILED_RETRY' AND run_id IS NOT NULL", 500)],
  // Answers would free the slots: what waits could be gone before anybody has seen it.
  ['while deliveries wait for a slot', inState('waiting_since IS NOT NULL', noAnswer)],
];

it.each(points)(
  '%s: nothing that was accepted is lost',
  async (_name, point) => {
    const receiver = await system.startReceiver((response) => setTimeout(() => response.writeHead(204).end(), 5));
    await system.createWebhook(tenant, {
      url: receiver.url,
      lane: 'direct',
      timeout_ms: 1_000,
      max_in_flight: maxInFlight,
      retry_policy: { delays_seconds: [1, 1, 1, 1, 1, 1] },
    });
    const url = await victim.apiUrl();
    let allPublished = (): void => {};
    const published = new Promise<void>((resolve) => (allPublished = resolve));
    const reached = point({ receiver, published });

    const accepted: string[] = [];
    const publishing = Array.from({ length: events }, async (_, n) => {
      const answer = await fetch(`${url}/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'order.created', payload: n }),
      });
      const { data } = (await answer.json()) as { data: { delivery_ids: string[] } };
      accepted.push(...data.delivery_ids);
    });
    Promise.all(publishing).then(allPublished, () => {});
    await reached;
    await victim.kill();
    await Promise.allSettled(publishing);
    receiver.answer = 204;
    victim = spawnNext();

    await waitFor(async () => (await rowsThat("status <> 'SUCCESS'")) === 0, 'all to be delivered', 30_000);
    const arrived = receiver.arrivals.map(({ headers }) => String(headers['webhook-id']));
    expect(accepted.filter((id) => !arrived.includes(id))).toEqual([]);
    // What was answered and could not be recorded comes again, and nothing else: at most what was under way.
    const [row] = await system.database.query<{ recorded: number }>(
      'SELECT sum(attempts)::int AS recorded FROM hook.deliveries WHERE tenant_id = $1',
      [tenant.id],
    );
    expect(arrived.length - (row?.recorded ?? 0)).toBeLessThanOrEqual(maxInFlight);
  },
  60_000,
);
