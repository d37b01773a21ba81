/** Opens a replay of many deliveries for somebody who asked for it in the Temporal UI. */
import { toReplayFilter } from '../src/domain/replay';
import type { NewReplay, Replay } from '../src/store/replays';
import type { ReplayManyInput, ReplayManyResult } from '../src/temporal/contracts';
import { refusing, temporalUi } from './temporal-ui';

export interface ReplayManyDeps {
  replays: { open(replay: NewReplay): Promise<Replay> };
}

/** Safe to repeat: the same request opens one replay. @throws ApplicationFailure when refused */
export async function replayMany(deps: ReplayManyDeps, input: ReplayManyInput): Promise<ReplayManyResult> {
  const replay = await refusing(() =>
    deps.replays.open({
      tenantId: input.tenant_id,
      webhookId: input.webhook_id,
      filter: toReplayFilter(input.request),
      actor: temporalUi,
      requestKey: input.request_key,
    }),
  );
  return { replay_id: replay.id, matched: replay.matched };
}
