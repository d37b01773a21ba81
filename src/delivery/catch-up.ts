/**
 * Brings a webhook's deliveries up to date with what was asked of the webhook: those that parked go on
 * after a resume, those that wait end after a disable or a delete, and replays are worked off. All of it
 * at a bounded rate, so that a receiver that has just recovered is not flattened.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClaimedDelivery } from '../store/claims';
import type { Claim } from '../store/events';
import type { FanOut, WebhookStanding } from '../store/fan-out';
import type { ReplayProgress, ReplayRuns } from '../store/replay-runs';
import { webhookCaughtUp, type Telemetry } from '../telemetry/events';

export interface CatchUpDeps {
  readonly telemetry: Telemetry;
  readonly fanOut: FanOut;
  readonly replayRuns: ReplayRuns;
  readonly outbox: { readonly claim: Claim; handOver(deliveries: readonly ClaimedDelivery[]): void };
  /** @returns false when no run of the delivery is open @throws whatever tells that Temporal does not answer */
  readonly signal: (deliveryId: string, signal: 'resume' | 'retryNow') => Promise<boolean>;
  /** Tells the tenant's other webhooks that want to know. Safe to repeat. @throws the database's error */
  readonly announce: (webhookId: string, standing: WebhookStanding) => Promise<void>;
  /** Deliveries per second. */
  readonly rate: number;
}

export interface CatchUpLimits {
  /** After this long the rest is left to the next call, in milliseconds. */
  readonly budgetMs: number;
  /** Aborts between two pages. */
  readonly signal: AbortSignal;
}

export interface CaughtUp {
  /** Undefined when there is no such webhook. */
  readonly standing: WebhookStanding | undefined;
  readonly resumed: number;
  readonly cancelled: number;
  /** The last one that was worked on in this call. */
  readonly replay: ReplayProgress | undefined;
  /** There is more to do. */
  readonly more: boolean;
}

/** Deliveries handled between two looks at the webhook's state: a pause stops a resume that soon. */
const maxPage = 100;

/** Signals under way at one time. */
const concurrency = 20;

/** @throws the database's error, or Temporal's; what was done by then stays done */
export async function catchUp(deps: CatchUpDeps, webhookId: string, limits: CatchUpLimits): Promise<CaughtUp> {
  const limit = Math.max(1, Math.min(maxPage, Math.ceil(deps.rate / 5)));
  const startedAt = performance.now();
  const sum = { resumed: 0, cancelled: 0, replayed: 0 };
  let replay: ReplayProgress | undefined;
  let seen: Seen | undefined;
  let announcedVersion: number | undefined;

  for (;;) {
    const standing = await deps.fanOut.standing(webhookId);
    if (standing && seen?.version !== standing.stateVersion) {
      seen = { version: standing.stateVersion, noneOvertaken: false, toldTo: '' };
    }
    // Before the deliveries, which may take long, and again with every call until they are done: this is what is
    // tried until it has succeeded.
    if (standing && isBehind(standing) && standing.stateVersion !== announcedVersion) {
      await deps.announce(webhookId, standing);
      announcedVersion = standing.stateVersion;
    }
    const page = standing && seen && (await nextPage(deps, webhookId, standing, limit, seen));
    sum.resumed += page?.resumed ?? 0;
    sum.cancelled += page?.cancelled ?? 0;
    sum.replayed += page?.replayed ?? 0;
    replay = page?.replay ?? replay;
    // Also before the last page's call ends: the next call begins with a page.
    const dueMs = ((sum.resumed + sum.cancelled + sum.replayed) / deps.rate) * 1000;
    const earlyMs = Math.max(0, dueMs - (performance.now() - startedAt));
    await delay(earlyMs, undefined, { signal: limits.signal }).catch(() => {});
    if (!page || performance.now() - startedAt >= limits.budgetMs || limits.signal.aborted) {
      webhookCaughtUp(deps.telemetry, { webhook_id: webhookId, ...sum });
      return { standing, resumed: sum.resumed, cancelled: sum.cancelled, replay, more: page !== undefined };
    }
  }
}

/**
 * How far a call has come with one version of the webhook, so that no page reads again what those before it
 * have read: of a long queue that would be all of it each time.
 */
interface Seen {
  readonly version: number;
  noneOvertaken: boolean;
  /** Parked deliveries with ids up to this one have been told. */
  toldTo: string;
}

interface Page {
  readonly resumed: number;
  readonly cancelled: number;
  readonly replayed: number;
  readonly replay?: ReplayProgress;
}

/** @returns undefined when nothing is left to do */
async function nextPage(
  deps: CatchUpDeps,
  webhookId: string,
  standing: WebhookStanding,
  limit: number,
  seen: Seen,
): Promise<Page | undefined> {
  const { fanOut } = deps;
  const none = { resumed: 0, cancelled: 0, replayed: 0 };
  if (isBehind(standing)) {
    const overtaken = seen.noneOvertaken ? [] : await fanOut.overtaken(webhookId, standing, limit);
    if (overtaken.length > 0) {
      // Told before they end: a process that dies in between tells them again, and no workflow is left waiting.
      const { told, gone, failure } = await tell(deps, overtaken, 'retryNow');
      await fanOut.cancel(webhookId, [...told, ...gone]);
      if (failure) throw failure.reason;
      return { ...none, cancelled: overtaken.length };
    }
    seen.noneOvertaken = true;
    if (standing.state === 'active' && !standing.deleted) {
      const parked = await fanOut.parked(webhookId, standing.stateVersion, seen.toldTo, limit);
      const last = parked.at(-1);
      if (last !== undefined) {
        const fresh = parked.filter(({ hasRun }) => !hasRun).map(({ id }) => id);
        const begun = parked.filter(({ hasRun }) => hasRun).map(({ id }) => id);
        if (fresh.length > 0) await fanOut.letWait(webhookId, fresh);
        const { told, gone, failure } = await tell(deps, begun, 'resume');
        // Marked after that, or a process that dies in between would leave them parked without a workflow.
        await fanOut.handToSweep(gone);
        await fanOut.markTold(told, standing.stateVersion);
        if (failure) throw failure.reason;
        seen.toldTo = last.id;
        return { ...none, resumed: parked.length };
      }
    }
    await fanOut.finish(webhookId, standing.stateVersion);
    return none;
  }
  const page = await deps.replayRuns.step(webhookId, deps.outbox.claim, limit);
  if (!page) return undefined;
  deps.outbox.handOver(page.claimed);
  return { ...none, replayed: page.claimed.length, replay: page.progress };
}

function isBehind({ fannedOutVersion, stateVersion }: WebhookStanding): boolean {
  return fannedOutVersion < stateVersion;
}

interface Told {
  readonly told: readonly string[];
  /** Those that have no open run. */
  readonly gone: readonly string[];
  /** Why one could not be told, or several. */
  readonly failure: PromiseRejectedResult | undefined;
}

/** One that cannot be told keeps none of the others from it: they need not be told again. */
async function tell(deps: CatchUpDeps, deliveryIds: readonly string[], signal: 'resume' | 'retryNow'): Promise<Told> {
  const told: string[] = [];
  const gone: string[] = [];
  const next = deliveryIds.values();
  const work = async (): Promise<void> => {
    // One iterator for all: each delivery is taken once, by whoever is free.
    for (const id of next) ((await deps.signal(id, signal)) ? told : gone).push(id);
  };
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, work));
  return { told, gone, failure: ends.find((end) => end.status === 'rejected') };
}
