/**
 * The SDK makes a stack trace for every promise of a workflow, in case somebody opens "Call Stack" in the Temporal
 * UI; that is a quarter of what the sandbox costs. Where a delivery stands is told by its details. With
 * WORKFLOW_STACK_TRACES the worker sets the global, and traces are made.
 */
if (!('everhookStackTraces' in globalThis)) Error.stackTraceLimit = 0;
