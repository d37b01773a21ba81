import { ControlPokes } from '../../../src/outbox/control-pokes';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';

/** Webhooks that stay behind however often they are poked, as those with a long queue do. */
function arrange(count: number) {
  const behind = Array.from({ length: count }, (_, i) => ({
    tenantId: 'acme',
    webhookId: String(i).padStart(4, '0'),
  }));
  const poked: string[] = [];
  const pokes = new ControlPokes({
    telemetry: createMemoryTelemetry().telemetry,
    dues: {
      due: (afterId, limit) => Promise.resolve(behind.filter(({ webhookId }) => webhookId > afterId).slice(0, limit)),
      all: () => Promise.resolve([]),
    },
    temporal: {
      pokeControl: ({ webhookId }) => Promise.resolve(void poked.push(webhookId)),
      ensureControl: () => Promise.resolve(),
      runningControls: () => Promise.resolve(new Set<string>()),
    },
  });
  return { pokes, poked, ids: behind.map(({ webhookId }) => webhookId) };
}

describe('the sweep', () => {
  it('comes to all webhooks in turn, although those before them stay behind', async () => {
    const { pokes, poked, ids } = arrange(450);

    for (let sweep = 0; sweep < 3; sweep++) await pokes.sweep();

    expect(poked.toSorted()).toEqual(ids);
  });

  it('begins anew after the last', async () => {
    const { pokes, poked } = arrange(3);

    await pokes.sweep();
    await pokes.sweep();

    expect(poked).toEqual(['0000', '0001', '0002', '0000', '0001', '0002']);
  });
});
