/** The generated part of docs/reliability.md. Pure. */
import type { Result } from './play';

export function reportLines(results: readonly Result[]): string[] {
  const sum = (pick: (result: Result) => number): number => results.reduce((total, one) => total + pick(one), 0);
  const accepted = sum((one) => one.accepted);
  const lost = sum((one) => one.lost);
  return [
    `${results.length} faults, ${sum((one) => one.kills)} kills, ${accepted.toLocaleString('en')} events accepted ` +
      `(${sum((one) => one.acceptedBy.direct).toLocaleString('en')} in the direct lane, ` +
      `${sum((one) => one.acceptedBy.workflow).toLocaleString('en')} in the workflow lane): ` +
      `${lost} lost, ${sum((one) => one.corrupt)} corrupt, ${sum((one) => one.phantom)} phantom, ` +
      `${sum((one) => one.stuck)} stuck, ${sum((one) => one.duplicates)} duplicates, ` +
      `${sum((one) => one.disagreements)} of which the API says something else.`,
    ...(lost === 0 && accepted > 0
      ? ['', `With none lost of n, at most about 3/n are lost in general (95 %): ${(3 / accepted).toExponential(1)}.`]
      : []),
    '',
    '| while events come, … | n accepted | lost | corrupt | stuck | duplicates | kills | resumed after s | recovered after s | besides |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...results.map(
      (one) =>
        `| ${one.what} | ${one.accepted} | ${one.lost} | ${one.corrupt} | ${one.stuck} | ${one.duplicates} | ${one.kills} | ` +
        `${one.resumedSeconds?.toFixed(1) ?? ''} | ${one.recoverySeconds.toFixed(1)} | ${[...one.notes, ...one.failures.map((line) => `**${line}**`)].join('; ')} |`,
    ),
  ];
}

/** What must never be, whatever the fault. */
export function violations(result: Result): string[] {
  const { fault, lost, corrupt, phantom, stuck, disagreements, unknown, failures } = result;
  return [
    ...Object.entries({ lost, corrupt, phantom, stuck, disagreements, unknown })
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${fault}: ${count} ${name}`),
    ...failures.map((failure) => `${fault}: ${failure}`),
  ];
}
