/** The states of a webhook and what takes it from one to another. */

export type WebhookState = 'active' | 'paused' | 'disabled';
export type StateAction = 'pause' | 'resume' | 'disable' | 'enable';

/** Where an action leads; what is not listed is not possible. */
export const targetStates: Record<StateAction, Partial<Record<WebhookState, WebhookState>>> = {
  pause: { active: 'paused', paused: 'paused' },
  resume: { paused: 'active', active: 'active' },
  disable: { active: 'disabled', paused: 'disabled', disabled: 'disabled' },
  // A paused webhook is enabled already; only `resume` takes the pause away.
  enable: { disabled: 'active', active: 'active', paused: 'paused' },
};

/** Characters of the reason that goes with a change. */
export const maxReasonLength = 255;
