/** The postmortem of a drill, after docs/postmortem-template.md. Pure. */
import type { Drill } from './drills';
import type { Result } from './play';

export interface Happening {
  readonly at: Date;
  readonly what: string;
  readonly how: string;
}

export function postmortem(drill: Drill, happenings: readonly Happening[], result: Result): string {
  const first = happenings[0]?.at ?? new Date(0);
  const last = happenings.at(-1)?.at ?? first;
  const firstAlert = happenings.find(({ what }) => what.endsWith('fires'));
  const { accepted, refused, acceptedBy, lost, stuck, duplicates } = result;
  return `# Drill: ${drill.title}

**This is a drill.** \`npm run drill\` played it on real processes, with the alerts of [deploy/prometheus](../../deploy/prometheus/alerts.yml) in a real Prometheus, and wrote this page.

- **Date**: ${first.toISOString().slice(0, 10)}
- **Duration**: ${minutes(first, last)} minutes until the last alert had ended
- **Found by**: ${firstAlert ? `${firstAlert.what.replace(' fires', '')}, ${minutes(first, firstAlert.at)} minutes after it began` : 'nobody: no alert fired'}

## Impact

${accepted.toLocaleString('en')} events were accepted (${acceptedBy.direct.toLocaleString('en')} in the direct lane, ${acceptedBy.workflow.toLocaleString('en')} in the workflow lane), ${refused.toLocaleString('en')} refused. ${lost} were lost, ${stuck} stood still, ${duplicates} arrived twice.${notesOf(result)}

## Root cause

${drill.cause}

## Timeline

All times in UTC.

| time | what happened | how we know |
| --- | --- | --- |
${happenings.map(({ at, what, how }) => `| ${at.toISOString().slice(11, 19)} | ${what} | ${how} |`).join('\n')}

## Analysis

${drill.analysis}

## Remediation

${drill.remediation.map((what) => `- ${what}`).join('\n')}
`;
}

function notesOf({ notes, failures }: Result): string {
  const lines = [...notes, ...failures];
  return lines.length === 0 ? '' : ` Besides: ${lines.join('; ')}.`;
}

function minutes(from: Date, to: Date): string {
  return ((to.getTime() - from.getTime()) / 60_000).toFixed(1);
}
