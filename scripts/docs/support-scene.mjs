/**
 * What the screenshots of docs/support.md show: an Everhook of its own on embedded parts and a fresh data folder,
 * with one webhook for each way in which deliveries fare.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startProgram } from '../child-process.mjs';
import { repositoryRoot } from '../command.mjs';

const host = '127.0.0.1';
const tenant = 'acme';
const readyTimeoutMs = 60_000;

/**
 * @param stops is given what ends the scene, in the order in which it was started
 * @returns where the UI is, and webhooks and deliveries by the name of what they show
 */
export async function startScene({ temporalCliPath, stops }) {
  const everhook = await startEverhook(temporalCliPath, stops);
  await everhook.call('/v1/tenants', { id: tenant, name: 'Acme' });

  const webhook = async (eventType, answer, settings = {}) => {
    const url = await startReceiver(answer, stops);
    const { id } = await everhook.call('/v1/webhooks', { url, event_types: [eventType], ...settings });
    return id;
  };
  const publish = async (type, id) =>
    (await everhook.call('/v1/events', { id, type, payload: { n: 1 } })).delivery_ids[0];

  await webhook('order.*', answering(204));
  const refusing = await webhook('invoice.*', answering(400));
  // Two attempts to see, and a pause that outlasts the screenshots.
  await webhook('customer.*', answering(503), { retry_policy: { delays_seconds: [1, 3600, 7200] } });
  const paused = await webhook('parcel.*', answering(503), { retry_policy: { delays_seconds: [3600] } });
  await webhook('report.*', () => {}, { timeout_ms: 30_000 });

  const delivered = await publish('order.created', 'order-1001-created');
  const deadLetters = [
    await publish('invoice.paid', 'invoice-2001-paid'),
    await publish('invoice.paid', 'invoice-2002-paid'),
  ];
  const parked = [await publish('parcel.sent', 'parcel-4001-sent'), await publish('parcel.sent', 'parcel-4002-sent')];
  const waiting = await publish('customer.created', 'customer-3001-created');

  const become = (id, isAsAwaited) =>
    waitFor(async () => isAsAwaited(await everhook.call(`/v1/deliveries/${id}`)), `delivery ${id}`);
  await become(delivered, ({ status }) => status === 'SUCCESS');
  for (const id of deadLetters) await become(id, ({ status }) => status === 'DEAD_LETTER');
  for (const id of parked) await become(id, ({ status }) => status === 'FAILED_RETRY');
  await everhook.call(`/v1/webhooks/${paused}/pause`, { reason: 'maintenance of the receiver' });
  for (const id of parked) await everhook.call(`/v1/deliveries/${id}/retry-now`, {});
  for (const id of parked) await become(id, ({ status }) => status === 'PAUSED');
  await become(waiting, ({ status, attempts }) => status === 'FAILED_RETRY' && attempts === 2);
  return {
    uiUrl: everhook.uiUrl,
    webhooks: { refusing, paused },
    deliveries: { delivered, deadLetter: deadLetters[0], waiting },
    /** Its receiver does not answer for 30 seconds. */
    publishSlow: () => publish('report.ready', 'report-5001-ready'),
  };
}

async function startEverhook(temporalCliPath, stops) {
  const dataFolder = mkdtempSync(join(tmpdir(), 'everhook-docs-'));
  // Also after Ctrl-C, and not before everything that writes there has ended.
  process.once('exit', () => rmSync(dataFolder, { recursive: true, force: true }));
  const free = { PORT: '0', METRICS_PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', DEMO_RECEIVER_PORT: '0' };
  const child = startProgram(process.execPath, [join(repositoryRoot, 'dist', 'src', 'main.js'), 'start'], {
    env: { ...process.env, ...free, EVERHOOK_DATA_DIR: dataFolder, TEMPORAL_CLI_PATH: temporalCliPath },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const exited = new Promise((resolve) => child.once('close', resolve));
  stops.push(() => {
    child.kill('SIGINT');
    return exited;
  });
  await waitFor(() => output.includes('Ctrl-C stops everything') || child.exitCode !== null, 'Everhook to be ready');
  if (child.exitCode !== null) throw new Error(`Everhook did not start:\n${output}`);

  const printed = (name) => new RegExp(`${name} +(\\S+)`).exec(output)[1];
  const apiUrl = printed('API');
  const headers = { authorization: `Bearer ${printed('Admin token')}`, 'content-type': 'application/json' };
  /** As the admin, in the name of the tenant; a POST when there is a body. */
  const call = async (path, body) => {
    const answer = await fetch(`${apiUrl}${path}`, {
      headers: path === '/v1/tenants' ? headers : { ...headers, 'x-tenant-id': tenant },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()).data;
  };
  return { uiUrl: printed('Temporal UI'), call };
}

const answering = (status) => (_request, response) => response.writeHead(status).end();

async function startReceiver(answer, stops) {
  const server = createServer((request, response) => {
    // Read to the end, as a receiver does that verifies the signature.
    request.resume().once('end', () => answer(request, response));
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  stops.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://${host}:${server.address().port}/hooks`;
}

async function waitFor(isThere, what) {
  const deadline = Date.now() + readyTimeoutMs;
  while (!(await isThere())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}.`);
    await delay(100);
  }
}
