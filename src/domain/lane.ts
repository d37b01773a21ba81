/**
 * How the first attempt of a delivery is made: by its workflow, or by the process that accepted the event,
 * straight after the commit; then a workflow is started only for what does not succeed at once.
 */
export const lanes = ['workflow', 'direct'] as const;

export type Lane = (typeof lanes)[number];
