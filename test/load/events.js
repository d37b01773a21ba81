/**
 * For k6 (https://grafana.com/docs/k6): 10 tenants with 10 webhooks each, events at a steady rate, and a look at the end
 * whether all of them were delivered. `npm run load-test` runs it; docs/performance.md says how.
 */
import http from 'k6/http';
import exec from 'k6/execution';
import { check, fail, sleep } from 'k6';
import { Counter } from 'k6/metrics';

const { EVERHOOK, ADMIN_TOKEN, WEBHOOK_URL, RATE = '50', DURATION = '30s', LANE = 'workflow' } = __ENV;

const tenants = 10;
const webhooksEach = 10;
/** A tenant's quota is 100 a second unless changed. */
const maxRate = 1_000;
const drainSeconds = 120;

const accepted = new Counter('events_accepted');
const delivered = new Counter('deliveries_succeeded');
const notDelivered = new Counter('deliveries_not_succeeded');

export const options = {
  scenarios: {
    events: {
      executor: 'constant-arrival-rate',
      rate: Number(RATE),
      timeUnit: '1s',
      duration: DURATION,
      preAllocatedVUs: 50,
      maxVUs: 200,
    },
  },
  setupTimeout: '60s',
  teardownTimeout: `${drainSeconds + 30}s`,
  thresholds: {
    // docs/slo.md
    'http_req_duration{name:publish}': ['p(95)<1000'],
    'checks{name:publish}': ['rate>0.9995'],
    deliveries_not_succeeded: ['count==0'],
    dropped_iterations: ['count==0'],
  },
};

export function setup() {
  for (const [name, value] of Object.entries({ EVERHOOK, ADMIN_TOKEN, WEBHOOK_URL })) {
    if (!value) fail(`${name} is not set`);
  }
  if (Number(RATE) > maxRate) fail(`RATE is at most ${maxRate}, the quota of ${tenants} tenants`);
  return Array.from({ length: tenants }, createTenant);
}

/** Each of its webhooks wants a type of its own, so that an event is one delivery. */
function createTenant(_, n) {
  const { id, client_id, client_secret } = post('/v1/tenants', ADMIN_TOKEN, { name: `Load ${n}` }).data;
  const { access_token: token } = post('/v1/auth', '', { grant_type: 'client_credentials', client_id, client_secret });
  const webhooks = Array.from({ length: webhooksEach }, (_each, w) => {
    const settings = { url: WEBHOOK_URL, lane: LANE, event_types: [`load.w${w}`] };
    return post('/v1/webhooks', token, settings).data.id;
  });
  return { id, token, webhooks };
}

export default function publish(all) {
  const n = exec.scenario.iterationInTest;
  const { token } = all[n % tenants];
  const type = `load.w${Math.floor(n / tenants) % webhooksEach}`;
  const response = request('POST', '/v1/events', token, { type, payload: { n, note: 'x'.repeat(900) } }, 'publish');
  if (check(response, { accepted: ({ status }) => status === 202 }, { name: 'publish' })) accepted.add(1);
}

/** Waits until nothing is queued or in flight any more. */
export function teardown(all) {
  const started = Date.now();
  for (const tenant of all) {
    let counts = countsOf(tenant);
    while (counts.open > 0 && Date.now() - started < drainSeconds * 1000) {
      sleep(1);
      counts = countsOf(tenant);
    }
    delivered.add(counts.succeeded);
    notDelivered.add(counts.total - counts.succeeded);
    http.del(`${EVERHOOK}/v1/tenants/${tenant.id}`, null, { headers: headersOf(ADMIN_TOKEN) });
  }
}

function countsOf({ token, webhooks }) {
  const counts = { total: 0, succeeded: 0, open: 0 };
  for (const id of webhooks) {
    const { by_status: byStatus } = request('GET', `/v1/webhooks/${id}/stats`, token, undefined, 'stats').json('data');
    const { SUCCESS = 0, DEAD_LETTER = 0, CANCELLED = 0 } = byStatus;
    const total = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
    counts.total += total;
    counts.succeeded += SUCCESS;
    counts.open += total - SUCCESS - DEAD_LETTER - CANCELLED;
  }
  return counts;
}

function post(path, token, body) {
  const response = request('POST', path, token, body);
  if (response.status >= 300) fail(`${path}: ${response.status} ${response.body}`);
  return response.json();
}

function request(method, path, token, body, name = path) {
  return http.request(method, `${EVERHOOK}${path}`, body && JSON.stringify(body), {
    headers: headersOf(token),
    tags: { name },
  });
}

function headersOf(token) {
  return { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
}
