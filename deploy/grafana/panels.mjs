/**
 * What the dashboard shows, row by row; `npm run dashboard` writes dashboards/everhook.json from it. Gauges that every
 * worker tells alike are taken by `max`, what each process counts by itself is summed.
 */

const byOutcome = 'sum by (status) (rate(webhook_deliveries_attempted_total[$__rate_interval]))';
const successRate =
  'sum(rate(webhook_deliveries_attempted_total{status="success"}[$__rate_interval])) / sum(rate(webhook_deliveries_attempted_total[$__rate_interval]))';

const quantile = (q, metric, selector = '') =>
  `histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket${selector}[$__rate_interval])))`;
const quantiles = (metric, selector) => [0.5, 0.95, 0.99].map((q) => [`p${q * 100}`, quantile(q, metric, selector)]);

export const rows = [
  {
    title: 'At a glance',
    panels: [
      {
        title: 'Events accepted',
        unit: 'ops',
        stat: true,
        series: [['events', 'sum(rate(webhook_events_emitted_total[$__rate_interval]))']],
      },
      {
        title: 'Attempts',
        unit: 'ops',
        stat: true,
        series: [['attempts', 'sum(rate(webhook_deliveries_attempted_total[$__rate_interval]))']],
      },
      {
        title: 'Success rate',
        unit: 'percentunit',
        stat: true,
        thresholds: { red: 0, orange: 0.99, green: 0.998 },
        series: [['success', successRate]],
      },
      {
        title: 'Delivered within five minutes',
        unit: 'percentunit',
        stat: true,
        thresholds: { red: 0, orange: 0.99, green: 0.999 },
        series: [
          [
            'in time',
            'sum(rate(webhook_delivery_latency_seconds_bucket{le="300"}[1h])) / sum(rate(webhook_delivery_latency_seconds_count[1h]))',
          ],
        ],
      },
      {
        title: 'Queue depth',
        unit: 'short',
        stat: true,
        thresholds: { green: 0, orange: 100, red: 500 },
        series: [['due', 'max(webhook_queue_depth)']],
      },
      {
        title: 'Dead letters',
        unit: 'short',
        stat: true,
        thresholds: { green: 0, orange: 50, red: 100 },
        series: [['unresolved', 'max(webhook_dlq_size)']],
      },
    ],
  },
  {
    title: 'Latency',
    panels: [
      {
        title: 'From event to delivery',
        unit: 's',
        series: quantiles('webhook_delivery_latency_seconds'),
        description: 'Retries and pauses included, replays left out.',
      },
      {
        title: 'One attempt',
        unit: 's',
        series: quantiles('hook_delivery_duration_seconds'),
        description: 'How long receivers take.',
      },
      { title: 'Accepting an event', unit: 's', series: quantiles('hook_api_duration_seconds', '{path="/v1/events"}') },
    ],
  },
  {
    title: 'Traffic',
    panels: [
      {
        title: 'Events accepted by type',
        unit: 'ops',
        series: [['{{type}}', 'topk(10, sum by (type) (rate(webhook_events_emitted_total[$__rate_interval])))']],
      },
      { title: 'Attempts by outcome', unit: 'ops', series: [['{{status}}', byOutcome]] },
      {
        title: 'API requests by status',
        unit: 'ops',
        series: [['{{status}}', 'sum by (status) (rate(hook_api_requests_total[$__rate_interval]))']],
      },
    ],
  },
  {
    title: 'Errors',
    panels: [
      {
        title: 'Failed attempts by reason',
        unit: 'ops',
        series: [
          [
            '{{error_code}} {{http_status_code}}',
            'sum by (error_code, http_status_code) (rate(hook_delivery_failures_total[$__rate_interval]))',
          ],
        ],
      },
      {
        title: 'Deliveries that ended without success',
        unit: 'ops',
        series: [['{{reason}}', 'sum by (reason) (rate(hook_deliveries_ended_total[$__rate_interval]))']],
      },
      {
        title: 'Attempts by number',
        unit: 'ops',
        series: [
          [
            'attempt {{attempt_number}}',
            'sum by (attempt_number) (rate(hook_delivery_attempts_total[$__rate_interval]))',
          ],
        ],
        description: 'Later numbers are retries.',
      },
      {
        title: 'Refused at a limit',
        unit: 'ops',
        series: [['{{limit}}', 'sum by (limit) (rate(hook_rate_limited_total[$__rate_interval]))']],
      },
    ],
  },
  {
    title: 'Saturation: backlog and lanes',
    panels: [
      {
        title: 'Waiting in Postgres',
        unit: 'short',
        series: [
          ['{{state}}', 'max by (state) (hook_backlog_deliveries)'],
          ['for their retry', 'max(hook_pending_retries_count)'],
        ],
      },
      {
        title: 'Age of the oldest',
        unit: 's',
        series: [['{{state}}', 'max by (state) (hook_backlog_oldest_seconds)']],
      },
      {
        title: 'Waiting in the processes',
        unit: 'short',
        series: [
          ['for their workflow', 'sum(hook_workflow_start_backlog)'],
          ['direct lane', 'sum(hook_direct_backlog)'],
        ],
      },
      {
        title: 'Workflow starts',
        unit: 'ops',
        series: [['{{result}}', 'sum by (result) (rate(hook_workflow_starts_total[$__rate_interval]))']],
      },
    ],
  },
  {
    title: 'Dead letters and quotas',
    panels: [
      { title: 'Dead letters', unit: 'short', series: [['unresolved', 'max(webhook_dlq_size)']] },
      {
        title: 'New dead letters',
        unit: 'ops',
        series: [
          ['new', 'sum(rate(hook_deliveries_dead_lettered_total[$__rate_interval]))'],
          ['webhooks paused for them', 'sum(rate(hook_webhooks_paused_dlq_full_total[$__rate_interval]))'],
        ],
      },
      {
        title: 'Tenants nearest to a quota',
        unit: 'percentunit',
        series: [['{{tenant_id}} {{quota}}', 'topk(10, max by (tenant_id, quota) (hook_quota_used_ratio))']],
      },
      { title: 'Active webhooks', unit: 'short', series: [['active', 'max(hook_webhooks_active_total)']] },
    ],
  },
  {
    title: 'Temporal',
    panels: [
      { title: 'Workers that poll', unit: 'short', series: [['workers', 'sum(hook_worker_status)']] },
      {
        title: 'Tasks that wait for a worker',
        unit: 'short',
        series: [['{{type}}', 'max by (type) (hook_task_queue_backlog)']],
      },
      {
        title: 'Requests that failed',
        unit: 'ops',
        series: [
          [
            '{{operation}} {{status_code}}',
            'sum by (operation, status_code) (rate(temporal_request_failure[$__rate_interval]))',
          ],
        ],
      },
      {
        title: 'Free slots of the workers',
        unit: 'short',
        series: [['{{worker_type}}', 'sum by (worker_type) (temporal_worker_task_slots_available)']],
      },
    ],
  },
  {
    title: 'Postgres, KMS and the processes',
    panels: [
      {
        title: 'Connections in use',
        unit: 'percentunit',
        series: [
          ['{{instance}} {{pool}}', 'hook_db_pool_connections{state="used"} / on (instance, pool) hook_db_pool_max'],
        ],
      },
      {
        title: 'Statements that failed',
        unit: 'ops',
        series: [['{{operation}}', 'sum by (operation) (rate(hook_db_errors_total[$__rate_interval]))']],
      },
      {
        title: 'Calls of KMS',
        unit: 'ops',
        series: [
          ['{{operation}}', 'sum by (operation) (rate(hook_kms_duration_seconds_count[$__rate_interval]))'],
          ['{{operation}} failed', 'sum by (operation) (rate(hook_kms_errors_total[$__rate_interval]))'],
        ],
      },
      { title: 'KMS, p95', unit: 's', series: [['p95', quantile(0.95, 'hook_kms_duration_seconds')]] },
      {
        title: 'CPU',
        unit: 'percentunit',
        series: [['{{instance}}', 'rate(process_cpu_seconds_total{job="everhook"}[$__rate_interval])']],
      },
      { title: 'Memory', unit: 'bytes', series: [['{{instance}}', 'process_resident_memory_bytes{job="everhook"}']] },
      {
        title: 'Event loop, p99',
        unit: 's',
        series: [['{{instance}}', 'nodejs_eventloop_lag_p99_seconds{job="everhook"}']],
      },
      { title: 'Open files', unit: 'short', series: [['{{instance}}', 'process_open_fds{job="everhook"}']] },
    ],
  },
];
