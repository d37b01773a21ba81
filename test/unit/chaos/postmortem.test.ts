import { postmortem, type Happening } from '../../chaos/postmortem';
import type { Drill } from '../../chaos/drills';
import type { Result } from '../../chaos/play';

const drill: Drill = {
  slug: 'drill-x',
  title: 'x is away',
  cause: 'Somebody ended x.',
  analysis: 'There was one x.',
  remediation: ['run two of x'],
  begin: () => Promise.resolve(() => Promise.resolve()),
};

const result: Result = {
  fault: 'drill-x',
  what: 'x is away',
  accepted: 1_250,
  refused: 3,
  unknown: 0,
  lost: 0,
  corrupt: 0,
  phantom: 0,
  stuck: 0,
  duplicates: 2,
  disagreements: 0,
  acceptedBy: { direct: 1_000, workflow: 250 },
  kills: 0,
  recoverySeconds: 0,
  notes: ['3 refused: 503 UNAVAILABLE'],
  failures: [],
};

const at = (time: string, what: string): Happening => ({ at: new Date(`2026-01-31T${time}Z`), what, how: 'played' });

it('tells when it began, was found and was over, and what came of the events', () => {
  const page = postmortem(
    drill,
    [
      at('10:00:00', 'it began'),
      at('10:05:30', 'XAway fires'),
      at('10:08:00', 'mended'),
      at('10:12:00', 'XAway has ended'),
    ],
    result,
  );

  expect(page).toMatch(/^# Drill: x is away\n\n\*\*This is a drill\.\*\*/);
  expect(page).toContain('- **Duration**: 12.0 minutes');
  expect(page).toContain('- **Found by**: XAway, 5.5 minutes after it began');
  expect(page).toContain('| 10:05:30 | XAway fires | played |');
  expect(page).toContain('1,250 events were accepted (1,000 in the direct lane, 250 in the workflow lane), 3 refused.');
  expect(page).toContain('0 were lost, 0 stood still, 2 arrived twice. Besides: 3 refused: 503 UNAVAILABLE.');
});

it('says when no alert has found it', () => {
  const page = postmortem(drill, [at('10:00:00', 'it began'), at('10:08:00', 'mended')], { ...result, notes: [] });

  expect(page).toContain('- **Found by**: nobody: no alert fired');
  expect(page).toContain('2 arrived twice.\n');
});
