import type { WebhookControlStatus } from '../../../src/temporal/contracts';
import { renderControlDetails } from '../../../workflows/control-details';

const status: WebhookControlStatus = {
  state: 'paused',
  state_reason: 'maintenance',
  origin: 'https://hooks.example.com',
  resumed: 0,
  cancelled: 0,
  replays: [],
  refused: null,
};

const render = (more: Partial<WebhookControlStatus> = {}, working = false): string =>
  renderControlDetails({ webhook_id: 'wh-1' }, { ...status, ...more }, working);

describe('the details of a control workflow', () => {
  it('are the state of the webhook, what can be asked of it and where its deliveries are', () => {
    expect(render()).toBe(
      [
        '**Webhook paused** (`maintenance`): deliveries are held back, and events go on being accepted.',
        '',
        '_More Actions_, _Send an Update_:',
        '',
        '- `resume` lets the parked deliveries go on',
        '- `replay` sends dead letters since a time again: `{"since": "2026-01-31T12:00:00Z"}`',
        '- `disable` ends what waits as CANCELLED and takes no more events',
        '',
        '**Now:** nothing to do  ',
        '**Receiver:** `https://hooks.example.com`  ',
        "**Its deliveries** in the list of workflows: `WorkflowType = 'delivery' AND WebhookId = 'wh-1'`",
        '',
        '---',
      ].join('\n'),
    );
  });

  it.each([
    ['active', ['pause', 'replay', 'disable']],
    ['paused', ['resume', 'replay', 'disable']],
    ['disabled', ['enable']],
    [null, ['pause', 'resume', 'disable', 'enable', 'replay']],
  ] as const)('in state %s offer %s', (state, actions) => {
    const offered = [...render({ state }).matchAll(/^- `(\w+)`/gm)].map(([, action]) => action);

    expect(offered).toEqual(actions);
  });

  it('tell how far it is', () => {
    const replay = { replay_id: 'rp-1', matched: 12, done: 7, state: 'running' } as const;

    const markdown = render({ state: 'active', resumed: 3, cancelled: 2, replays: [replay] }, true);

    expect(markdown).toContain('**Now:** working on its deliveries');
    expect(markdown).toContain('**Parked deliveries resumed:** 3');
    expect(markdown).toContain('**Waiting deliveries cancelled:** 2');
    expect(markdown).toContain('| rp-1 | running | 7 of 12 |');
  });

  it('show a reason and a refusal as what they are, whatever they look like', () => {
    const markdown = render({ state_reason: '[click](https://example.com)', refused: 'replay: # no' });

    expect(markdown).toContain('(`[click](https://example.com)`)');
    expect(markdown).toContain('**Last signal refused:** `replay: # no`');
  });
});
