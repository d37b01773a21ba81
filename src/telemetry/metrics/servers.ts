/** Requests to the API, and how the servers do that Everhook stands on. */
import { Counter, Histogram, type Registry } from 'prom-client';

export function serverMetrics(registers: Registry[]) {
  return {
    apiRequests: new Counter({
      name: 'hook_api_requests_total',
      help: 'API requests answered',
      labelNames: ['method', 'path', 'status'],
      registers,
    }),
    apiSeconds: new Histogram({
      name: 'hook_api_duration_seconds',
      help: 'Duration of API requests',
      labelNames: ['method', 'path'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    }),
    databaseErrors: new Counter({
      name: 'hook_db_errors_total',
      help: 'Statements that Postgres could not carry out, by statement; those it refuses for their content left out',
      labelNames: ['operation'],
      registers,
    }),
    kmsErrors: new Counter({
      name: 'hook_kms_errors_total',
      help: 'Calls of KMS that failed, repetitions of the SDK not counted',
      labelNames: ['operation'],
      registers,
    }),
    kmsSeconds: new Histogram({
      name: 'hook_kms_duration_seconds',
      help: 'Duration of calls of KMS',
      labelNames: ['operation'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10],
      registers,
    }),
  };
}
