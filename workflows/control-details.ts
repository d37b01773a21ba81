/** What staff read about a webhook's control workflow in the Temporal UI. Markdown, without anything secret. */
import type { WebhookControlInput, WebhookControlStatus } from '../src/temporal/contracts';
import { code, page } from './markdown';

export function renderControlDetails(
  { webhook_id }: Pick<WebhookControlInput, 'webhook_id'>,
  status: WebhookControlStatus,
  working: boolean,
): string {
  return page([headline(status), advice(status), replays(status), facts(webhook_id, status, working)]);
}

const states = {
  active: 'deliveries are sent',
  paused: 'deliveries are held back, and events go on being accepted',
  disabled: 'no events are accepted, and what waited was cancelled',
} as const;

function headline({ state, state_reason }: WebhookControlStatus): string {
  if (state === null) return '**The webhook has not been looked at yet**';
  const reason = state_reason === null ? '' : ` (${code(state_reason)})`;
  return `**Webhook ${state}**${reason}: ${states[state]}.`;
}

const actions = {
  pause: '`pause` holds its deliveries back; `{"reason": "..."}` if you like',
  resume: '`resume` lets the parked deliveries go on',
  disable: '`disable` ends what waits as CANCELLED and takes no more events',
  enable: '`enable` takes new events; what was cancelled can be replayed afterwards',
  replay: '`replay` sends dead letters since a time again: `{"since": "2026-01-31T12:00:00Z"}`',
} as const;

/** An update answers at once, also with what is wrong; a signal of the same name answers nothing. */
function advice({ state }: WebhookControlStatus): string {
  const offered = {
    active: ['pause', 'replay', 'disable'],
    paused: ['resume', 'replay', 'disable'],
    disabled: ['enable'],
  } as const;
  const lines = state === null ? Object.values(actions) : offered[state].map((action) => actions[action]);
  return ['_More Actions_, _Send an Update_:', '', ...lines.map((line) => `- ${line}`)].join('\n');
}

function replays(status: WebhookControlStatus): string | undefined {
  if (status.replays.length === 0) return undefined;
  const rows = status.replays.map(
    ({ replay_id, state, done, matched }) => `| ${replay_id} | ${state} | ${done} of ${matched} |`,
  );
  return ['| Replay | State | Deliveries |', '|---|---|---|', ...rows].join('\n');
}

function facts(webhookId: string, status: WebhookControlStatus, working: boolean): string {
  const lines = [
    status.refused === null ? undefined : `**Last signal refused:** ${code(status.refused)}`,
    `**Now:** ${working ? 'working on its deliveries' : 'nothing to do'}`,
    status.resumed === 0 ? undefined : `**Parked deliveries resumed:** ${status.resumed}`,
    status.cancelled === 0 ? undefined : `**Waiting deliveries cancelled:** ${status.cancelled}`,
    status.origin === null ? undefined : `**Receiver:** ${code(status.origin)}`,
    `**Its deliveries** in the list of workflows: ${code(`WorkflowType = 'delivery' AND WebhookId = '${webhookId}'`)}`,
  ];
  return lines.filter((line) => line !== undefined).join('  \n');
}
