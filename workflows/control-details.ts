/** What staff read about a webhook's control workflow in the Temporal UI. Markdown, without anything secret. */
import type { WebhookControlStatus } from '../src/temporal/contracts';

export function renderControlDetails(status: WebhookControlStatus, working: boolean): string {
  const facts = [
    `**Webhook:** ${status.state ?? 'not looked at yet'}${status.state_reason === null ? '' : ` (${status.state_reason})`}`,
    status.origin === null ? undefined : `**Receiver:** ${status.origin}`,
    `**Now:** ${working ? 'working on its deliveries' : 'nothing to do'}`,
    status.resumed === 0 ? undefined : `**Parked deliveries resumed:** ${status.resumed}`,
    status.cancelled === 0 ? undefined : `**Waiting deliveries cancelled:** ${status.cancelled}`,
    status.refused === null ? undefined : `**Last signal refused:** ${status.refused}`,
  ].filter((line) => line !== undefined);

  const sections = [facts.join('  \n')];
  if (status.replays.length > 0) {
    const rows = status.replays.map(
      ({ replay_id, state, done, matched }) => `| ${replay_id} | ${state} | ${done} of ${matched} |`,
    );
    sections.push(['| Replay | State | Deliveries |', '|---|---|---|', ...rows].join('\n'));
  }
  sections.push(`_${advice(status)}_`);
  return sections.join('\n\n');
}

function advice({ state }: WebhookControlStatus): string {
  const replay = '`replay` with {"since": "2026-01-31T12:00:00Z"} sends the dead letters since then again';
  switch (state) {
    case 'active':
      return `Send an update: \`pause\` holds the deliveries back, \`disable\` ends them, ${replay}.`;
    case 'paused':
      return `Send an update: \`resume\` lets the parked deliveries go on, \`disable\` ends them, ${replay}.`;
    case 'disabled':
      return 'Send the update `enable` to take new events; what was cancelled can be replayed afterwards.';
    case null:
      return 'Updates answer at once; signals of the same names do the same without an answer.';
  }
}
