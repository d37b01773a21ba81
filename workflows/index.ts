/** What a worker can run: one export per workflow type, and the interceptors of all of them. */
export { delivery } from './delivery';
export { maintenance } from './maintenance';
export { interceptors } from './start-header';
export { webhookControl } from './webhook-control';
