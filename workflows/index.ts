/** What a worker can run: one export per workflow type, and the interceptors of all of them. */
export { delivery } from './delivery';
export { interceptors } from './start-header';
export { webhookControl } from './webhook-control';
