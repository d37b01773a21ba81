/** Events at even times, whatever the answers do: how long accepting takes, and how long until a receiver has it. */
import { ask, until, type Stand } from '../stand';
import type { PublishOrder, PublishReport } from '../programs/publisher';
import type { Arrivals } from '../programs/receiver';
import { eventBody, type System } from './measure';

/** From the time at which an event was to be sent, in milliseconds. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

export interface OpenLoopFigures {
  readonly perSecond: number;
  readonly events: number;
  readonly accept: Latency;
  readonly endToEnd: Latency;
}

const seconds = 6;

export async function measureOpenLoop(stand: Stand, system: System, perSecond: number): Promise<OpenLoopFigures> {
  const events = perSecond * seconds;
  await ask<Arrivals>(stand.receiver, 'reset');
  const { p50Ms, p99Ms, p999Ms } = await ask<PublishReport>(stand.publisher, {
    url: system.url,
    path: system.path,
    headers: { 'content-type': 'application/json', ...system.headers },
    accepted: system.accepted,
    body: eventBody(system.type),
    count: events,
    concurrency: 256,
    perSecond,
  } satisfies PublishOrder);
  const arrived = async (): Promise<boolean> => (await ask<Arrivals>(stand.receiver, 'count')).distinct >= events;
  await until(arrived, `all of ${system.name} to arrive`);
  const endToEnd = await ask<Arrivals>(stand.receiver, 'count');
  return {
    perSecond,
    events,
    accept: { p50Ms, p99Ms, p999Ms },
    endToEnd: { p50Ms: endToEnd.p50Ms, p99Ms: endToEnd.p99Ms, p999Ms: endToEnd.p999Ms },
  };
}
