/** Plays one fault: publishes before, during and after it, drains, and settles the accounts. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Fault, Scene } from './fault';
import { account, type Account, type Lane, type Published, type Told } from './ledger';
import { Publisher } from './publisher';
import type { Arrival } from './receiver';
import { maxInFlight, until, type ChaosTenant, type World } from './world';

export interface Result extends Account {
  readonly fault: string;
  readonly what: string;
  readonly acceptedBy: Readonly<Record<Lane, number>>;
  readonly kills: number;
  /** From healing until all that was accepted before it had arrived, in seconds. */
  readonly recoverySeconds: number;
  /** From healing until both lanes go on with what had not arrived before; null where all had, and in older results. */
  readonly resumedSeconds?: number | null;
  readonly notes: readonly string[];
  /** What had to hold besides, and did not. */
  readonly failures: readonly string[];
}

export const usualRates: Readonly<Record<Lane, number>> = { direct: 80, workflow: 20 };

/** Before the fault and after it, in milliseconds. */
const calmMs = 3_000;

/** What each kill may find under way, and so be sent again: `max_in_flight` of both webhooks. */
const inFlight = 2 * maxInFlight;

/** As long as the longest pauses of a retry policy, and some more. */
const drainMs = 300_000;

export async function play(world: World, fault: Fault, speed = 1): Promise<Result> {
  const notes: string[] = [];
  const failures: string[] = [];
  let kills = 0;
  const firstArrival = world.receiver.arrivals.length;
  for (const roles of fault.processes) await world.answers(await world.spawn(roles));
  const tenant = await world.createTenant(fault.name);
  const publishers: Publisher[] = [];
  const steady: Publisher[] = [];
  const scene: Scene = {
    world,
    tenant,
    steady,
    publish(options) {
      const publisher = new Publisher({ apiUrl: () => world.apiUrl(), token: tenant.token, ...options });
      publishers.push(publisher);
      publisher.start();
      return publisher;
    },
    kill: () => void kills++,
    note: (line) => notes.push(line),
    expect: (holds, what) => void (holds || failures.push(what)),
  };

  try {
    steady.push(...(await startPublishers(scene, fault, speed)));
    await pause(calmMs);
    await fault.run(scene);
  } catch (error) {
    // They would go on for ever, and keep the suite from ending.
    for (const publisher of publishers) await publisher.stop();
    throw error;
  }
  const healedAt = performance.now();
  const before = new Set(publishers.flatMap(({ published }) => published).map(({ eventId }) => eventId));
  await pause(calmMs);
  for (const publisher of publishers) await publisher.stop();
  await settleUnknown(publishers);
  await drained(world);

  const published = publishers.flatMap((publisher) => publisher.published);
  for (const [refusal, count] of refusalsOf(published)) notes.push(`${count} refused: ${refusal}`);
  const told = await readDeliveries(world, tenant);
  for (const publisher of publishers) await publisher.close();
  for (let [member] = world.members; member; [member] = world.members) await member.end('SIGKILL');
  failures.push(...world.endedByThemselves.splice(0).map((which) => `a process ended by itself: ${which}`));
  const arrivals = world.receiver.arrivals.slice(firstArrival);
  const accepted = published.filter(({ outcome }) => outcome === 'accepted');
  const counted = account(published, arrivals, told);
  const byLane = (['direct', 'workflow'] as const).map((lane) =>
    recoveryOf(ofLane(accepted, lane), arrivals, before, healedAt),
  );
  const last = Math.max(...byLane.map((one) => one.last));
  const late = byLane.flatMap((one) => one.first ?? []);
  const resumedSeconds = late.length > 0 ? Math.max(...late) : null;
  const { resumesWithin } = fault;
  if (resumesWithin !== undefined) {
    const inTime = resumedSeconds !== null && resumedSeconds <= resumesWithin;
    scene.expect(inTime, `deliveries went on after ${resumedSeconds?.toFixed(1)} s`);
  }
  if (kills > 0) scene.expect(counted.duplicates <= kills * inFlight, `${counted.duplicates} duplicates`);
  return {
    fault: fault.name,
    what: fault.what,
    ...counted,
    acceptedBy: {
      direct: ofLane(accepted, 'direct').length,
      workflow: ofLane(accepted, 'workflow').length,
    },
    kills,
    recoverySeconds: last,
    resumedSeconds,
    notes,
    failures,
  };
}

async function startPublishers({ world, tenant, publish }: Scene, fault: Fault, speed: number): Promise<Publisher[]> {
  const started: Publisher[] = [];
  for (const lane of ['direct', 'workflow'] as const) {
    const type = `chaos.${lane}`;
    await world.createWebhook(tenant, '/ok', { lane, event_types: [type] });
    const perSecond = (fault.rates?.[lane] ?? usualRates[lane]) * speed;
    if (perSecond > 0) started.push(publish({ lane, type, perSecond }));
  }
  return started;
}

async function settleUnknown(publishers: readonly Publisher[]): Promise<void> {
  const isSettled = async (): Promise<boolean> => {
    for (const publisher of publishers) await publisher.askAgain();
    return publishers.every(({ published }) => published.every(({ outcome }) => outcome !== 'unknown'));
  };
  // What stays unknown is counted as such.
  await until(isSettled, 'every event to be answered', 60_000).catch(() => {});
}

/** What has not come to an end by then is counted as stuck. */
async function drained(world: World): Promise<void> {
  const isDrained = async (): Promise<boolean> => {
    const [row] = await world.query<{ open: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM hook.deliveries
                      WHERE status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')) AS open`,
    );
    return row?.open === false;
  };
  await until(isDrained, 'all deliveries to come to an end', drainMs).catch(() => {});
}

/** As the API lists them, page by page. */
async function readDeliveries(world: World, tenant: ChaosTenant): Promise<Told[]> {
  const told: Told[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await fetch(`${world.apiUrl()}/v1/deliveries?limit=100${after}`, {
      headers: { authorization: `Bearer ${tenant.token}` },
    });
    const page = (await answer.json()) as { data: Told[]; pagination: { next_cursor: string | null } };
    told.push(...page.data);
    cursor = page.pagination.next_cursor;
  } while (cursor !== null);
  return told;
}

function refusalsOf(published: readonly Published[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { refusal } of published) if (refusal !== undefined) counts.set(refusal, (counts.get(refusal) ?? 0) + 1);
  return counts;
}

const ofLane = (published: readonly Published[], lane: Lane): Published[] =>
  published.filter((event) => event.lane === lane);

function recoveryOf(
  accepted: readonly Published[],
  arrivals: readonly Arrival[],
  before: ReadonlySet<string>,
  healedAt: number,
): { readonly first: number | null; readonly last: number } {
  const ids = new Set(accepted.filter(({ eventId }) => before.has(eventId)).flatMap(({ deliveryIds }) => deliveryIds));
  const arrivedAt = new Map<string, number>();
  for (const { deliveryId, status, at } of arrivals) {
    if (ids.has(deliveryId) && status >= 200 && status < 300 && !arrivedAt.has(deliveryId))
      arrivedAt.set(deliveryId, at);
  }
  const late = [...arrivedAt.values()]
    .filter((at) => at > healedAt)
    .map((at) => (at - healedAt) / 1000)
    .toSorted((a, b) => a - b);
  return { first: late[0] ?? null, last: late.at(-1) ?? 0 };
}
