/** Each test ends a process, a connection or a workflow in an awkward moment and sees what becomes of the delivery. */
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { killProcesses, spawnEverhook } from '../support/everhook-process';
import { startReceiver } from '../support/receiver';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

let tenant: TestTenant;

afterAll(killProcesses);

/** Takes connections and never says a word. */
async function startSilentServer(): Promise<{ address: string; server: Server }> {
  const server = createServer((socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { address: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, server };
}

describe('an API process that is killed between commit and start', () => {
  it('leaves deliveries that the sweep of another process starts, once', async () => {
    const system = await TestSystem.start({ worker: true, env: { RETRY_WORKER_INTERVAL_MS: '200' } });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url });
    // It cannot reach Temporal, so what it accepts is committed and not started when it dies.
    const api = spawnEverhook(['api'], system, { TEMPORAL_ADDRESS: '127.0.0.1:9', OUTBOX_CLAIM_MS: '1500' });
    const url = await api.apiUrl();

    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const answer = await fetch(`${url}/v1/events`, {
          method: 'POST',
          headers: { authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ type: 'order.created', payload: n }),
        });
        return (await answer.json()) as { data: { delivery_ids: string[] } };
      }),
    );
    await api.kill();
    const ids = answers.flatMap(({ data }) => data.delivery_ids);
    await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));

    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id']).sort()).toEqual([...ids].sort());
    await system.stop();
  });
});

describe('a sweep that takes over what is being started', () => {
  it('leaves it alone and looks again, and it is sent once', async () => {
    const system = await TestSystem.start({
      worker: true,
      env: { OUTBOX_CLAIM_MS: '1000', RETRY_WORKER_INTERVAL_MS: '100' },
    });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver((response) => setTimeout(() => response.writeHead(204).end(), 2_500));
    await system.createWebhook(tenant, { url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'IN_PROGRESS');
    await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(receiver.arrivals).toHaveLength(1);
    await system.stop();
  });

  it('records what somebody terminated in Temporal before anything was recorded', async () => {
    const system = await TestSystem.start({
      worker: true,
      env: { OUTBOX_CLAIM_MS: '1000', RETRY_WORKER_INTERVAL_MS: '100' },
    });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver(() => {});
    await system.createWebhook(tenant, { url: receiver.url, timeout_ms: 30_000 });

    const [id = ''] = await system.publish(tenant);
    await waitFor(() => receiver.arrivals.length === 1);
    await system.ctx.temporal.client.workflow.getHandle(`delivery:${id}`).terminate('by hand');
    const delivery = await system.deliveryWith(tenant, id, 'CANCELLED');

    expect(delivery).toMatchObject({ reason: 'TERMINATED', attempts: 0 });
    await system.stop();
  });
});

describe('a database that was restored to an earlier time than what Temporal knows', () => {
  it.each([
    ['delivered', 204, 'SUCCESS', ''],
    ['given up', 400, 'DEAD_LETTER', 'REJECTED'],
  ])('has what was %s since then sent again', async (_what, status, end, reason) => {
    const system = await TestSystem.start({ worker: true, env: { RETRY_WORKER_INTERVAL_MS: '200' } });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver(status);
    await system.createWebhook(tenant, { url: receiver.url });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, end);
    await waitFor(async () => {
      const { status: of } = await system.ctx.temporal.client.workflow.getHandle(`delivery:${id}`).describe();
      return of.name !== 'RUNNING';
    }, 'its workflow to close');

    await system.database.query('DELETE FROM hook.delivery_attempts WHERE delivery_id = $1', [id]);
    await system.database.query(
      `UPDATE hook.deliveries SET status = 'PENDING', reason = NULL, attempts = 0, run_id = NULL, completed_at = NULL,
         claimed_by = 'before', claimed_until = now() - interval '1 second' WHERE id = $1`,
      [id],
    );
    const delivery = await system.deliveryWith(tenant, id, end);

    expect(delivery).toMatchObject({ attempts: 1, reason: reason === '' ? null : reason });
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
    await system.stop();
  });
});

describe('a worker that is killed in the middle of a resume', () => {
  it('leaves the rest to the next one: all arrive, none forgotten', async () => {
    const system = await TestSystem.start({
      env: {
        OUTBOX_CLAIM_MS: '1000',
        RETRY_WORKER_INTERVAL_MS: '200',
        RESUME_RATE_PER_SECOND: '20',
        SLOT_LEASE_MS: '1500',
      },
    });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver(503);
    const delays = { delays_seconds: Array.from({ length: 20 }, () => 3) };
    const webhook = await system.createWebhook(tenant, { url: receiver.url, retry_policy: delays, max_in_flight: 5 });
    const change = (action: string) =>
      system.call('POST', `/v1/webhooks/${webhook.id}/${action}`, { token: tenant.token });
    const first = spawnEverhook(['worker'], system);
    const publish = async (count: number) =>
      (await Promise.all(Array.from({ length: count }, () => system.publish(tenant)))).flat();
    const allAre = (status: string, count: number, timeoutMs: number) =>
      waitFor(
        async () => {
          const sql = 'SELECT count(*)::int AS found FROM hook.deliveries WHERE status = $1';
          const [row] = await system.database.query<{ found: number }>(sql, [status]);
          return row?.found === count;
        },
        `${count} deliveries to be ${status}`,
        timeoutMs,
      );
    const withRuns = await publish(40);
    await allAre('FAILED_RETRY', 40, 30_000);
    await change('pause');
    const withoutRuns = await publish(20);
    const ids = [...withRuns, ...withoutRuns];
    await allAre('PAUSED', 60, 30_000);
    const tried = receiver.arrivals.length;
    receiver.answer = 204;

    await change('resume');
    await waitFor(() => receiver.arrivals.length >= tried + 15, 'the resume to be under way');
    await first.kill();
    const arrived = new Set(receiver.arrivals.slice(tried).map(({ headers }) => headers['webhook-id']));
    expect(arrived.size).toBeLessThan(60);
    const second = spawnEverhook(['worker'], system);
    await allAre('SUCCESS', 60, 60_000);
    await second.kill();

    const arrivals = receiver.arrivals.slice(tried).map(({ headers }) => String(headers['webhook-id']));
    expect([...new Set(arrivals)].toSorted()).toEqual(ids.toSorted());
    // Only what was on the wire when the worker died may have come twice.
    expect(arrivals.length - ids.length).toBeLessThanOrEqual(5);
    await system.stop();
  }, 120_000);
});

describe('a process that stops while a delivery waits for its retry', () => {
  it('leaves the retry to the next process', async () => {
    const env = { TEMPORAL_TASK_QUEUE: `restart-${Date.now()}` };
    const before = await TestSystem.start({ worker: true, env });
    tenant = await before.createTenant();
    const receiver = await startReceiver(503);
    await before.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [2] } });
    const [id = ''] = await before.publish(tenant);
    await before.deliveryWith(tenant, id, 'FAILED_RETRY');
    await before.stop({ keepData: true });
    receiver.answer = 204;

    const after = await TestSystem.start({ worker: true, after: before, env });
    const delivery = await after.deliveryWith(tenant, id, 'SUCCESS');

    expect(delivery).toMatchObject({ attempts: 2 });
    await receiver.stop();
    await after.stop();
  });
});

describe('Temporal away', () => {
  it('does not keep events from being accepted; they are delivered when it is back', async () => {
    const system = await TestSystem.start({ env: { OUTBOX_CLAIM_MS: '1000' } });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    expect(await system.delivery(tenant, id)).toMatchObject({ status: 'PENDING', attempts: 0 });

    const back = await TestSystem.start({ worker: true, after: system, env: { RETRY_WORKER_INTERVAL_MS: '200' } });
    await waitFor(() => receiver.arrivals.length === 1);
    await back.deliveryWith(tenant, id, 'SUCCESS');
    await back.stop({ keepData: true });
    await system.stop();
  });
});

describe('Postgres cutting all connections', () => {
  it('ends no process: reads fail or wait, and the next ones work', async () => {
    const system = await TestSystem.start({ worker: true, env: { RETRY_WORKER_INTERVAL_MS: '100' } });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url });
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('uncaughtException', note);

    for (let round = 0; round < 10; round++) {
      const reads = Array.from({ length: 10 }, () => system.call('GET', '/v1/deliveries', { token: tenant.token }));
      await system.database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      expect((await Promise.all(reads)).every(({ status }) => status === 200 || status === 503)).toBe(true);
    }
    const [id = ''] = await waitFor(() => system.publish(tenant).catch(() => undefined));
    await system.deliveryWith(tenant, id, 'SUCCESS');

    process.off('uncaughtException', note);
    expect(unhandled).toEqual([]);
    await system.stop();
  });
});

describe('stopping', () => {
  it.each(['workflow', 'direct'])(
    "does not wait for a receiver that hangs, in the %s lane; the attempt is nobody's failure and is made again",
    async (lane) => {
      const env = { TEMPORAL_TASK_QUEUE: `hanging-${Date.now()}`, SHUTDOWN_GRACE_MS: '500' };
      const before = await TestSystem.start({ worker: true, env });
      tenant = await before.createTenant();
      const receiver = await startReceiver(() => {});
      await before.createWebhook(tenant, { url: receiver.url, timeout_ms: 30_000, lane });
      const [id = ''] = await before.publish(tenant);
      await waitFor(() => receiver.arrivals.length === 1);

      const beganAt = Date.now();
      await before.stop({ keepData: true });
      const tookMs = Date.now() - beganAt;
      const after = await TestSystem.start({ after: before });
      const delivery = await after.delivery(tenant, id);

      expect(tookMs).toBeLessThan(8_000);
      expect(delivery).toMatchObject({ attempts: 0, last_error: null });
      await receiver.stop();
      await after.stop();
    },
  );

  it('does not wait for a request that never ends', async () => {
    const system = await TestSystem.start();
    const api = spawnEverhook(['api'], system);
    const { hostname, port } = new URL(await api.apiUrl());
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write('POST /v1/auth HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{');
    await once(socket, 'connect');

    const beganAt = Date.now();
    api.child.kill('SIGTERM');
    const [code] = (await once(api.child, 'exit')) as [number | null];

    expect(code).toBe(0);
    expect(Date.now() - beganAt).toBeLessThan(8_000);
    socket.destroy();
    await system.stop();
  });

  it('does not wait for a Temporal server that says nothing', async () => {
    const { address, server } = await startSilentServer();
    const system = await TestSystem.start({ env: { TEMPORAL_ADDRESS: address } });
    const connecting = system.ctx.temporal.connect();

    const beganAt = Date.now();
    await system.stop();

    expect(Date.now() - beganAt).toBeLessThan(8_000);
    expect(await connecting).toBeUndefined();
    server.close();
  });
});
