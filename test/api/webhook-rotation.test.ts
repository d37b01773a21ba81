import { Webhook } from 'standardwebhooks';
import type { Arrival, Receiver } from '../support/receiver';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
let receiver: Receiver;
let id: string;
let first: string;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true });
});

beforeEach(async () => {
  tenant = await system.createTenant();
  receiver = await system.startReceiver();
  const webhook = await system.createWebhook(tenant, { url: receiver.url });
  id = webhook.id;
  first = webhook.secret;
});

afterAll(() => system.stop());

const rotate = (body?: unknown): Promise<ApiAnswer> =>
  system.call('POST', `/v1/webhooks/${id}/rotate-secret`, { token: tenant.token, body });

const auditOf = () =>
  system.database.query(
    `SELECT actor, details FROM hook.audit_logs WHERE target = $1 AND action = 'webhook.secret_rotated' ORDER BY id`,
    [`webhook:${id}`],
  );

/** What the receiver gets of an event that is published now. */
async function nextArrival(): Promise<Arrival> {
  const count = receiver.arrivals.length;
  const [deliveryId = ''] = await system.publish(tenant);
  await system.deliveryWith(tenant, deliveryId, 'SUCCESS');
  return receiver.arrivals[count] as Arrival;
}

/** Of the secrets, those by which a receiver takes what arrived for genuine. */
function accepting({ body, headers }: Arrival, ...secrets: string[]): string[] {
  return secrets.filter((secret) => {
    try {
      new Webhook(secret).verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  });
}

/** Seconds from now. */
const secondsUntil = (time: string) => (Date.parse(time) - Date.now()) / 1000;

describe('POST /v1/webhooks/:id/rotate-secret: 200', () => {
  it('generates a secret, shown here only; both sign for a day', async () => {
    const answer = await rotate();

    expectData(answer, 200);
    expect(answer.headers['cache-control']).toBe('no-store');
    const { secret, previous_secret_expires_at: until } = answer.body.data;
    expect(Object.keys(answer.body.data).toSorted()).toEqual(['previous_secret_expires_at', 'secret']);
    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
    expect(secondsUntil(until)).toBeGreaterThan(86_340);
    expect(secondsUntil(until)).toBeLessThanOrEqual(86_400);
    expect(accepting(await nextArrival(), first, secret)).toEqual([first, secret]);
    expect((await system.call('GET', `/v1/webhooks/${id}`, { token: tenant.token })).text).not.toContain('secret');
  });

  it('takes a secret, and does not show it', async () => {
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

    const answer = await rotate({ secret, grace_period_seconds: 600 });

    expect(Object.keys(answer.body.data)).toEqual(['previous_secret_expires_at']);
    expect(answer.text).not.toContain(secret);
    expect(accepting(await nextArrival(), first, secret)).toEqual([first, secret]);
  });

  it('signs with the new secret alone once the grace is over', async () => {
    const { body } = await rotate();
    await system.database.query(
      "UPDATE hook.webhook_configs SET previous_secret_expires_at = now() - interval '1 ms' WHERE id = $1",
      [id],
    );

    expect(accepting(await nextArrival(), first, body.data.secret)).toEqual([body.data.secret]);
  });

  it('may be done again once the grace is over, without force', async () => {
    await rotate();
    await system.database.query('UPDATE hook.webhook_configs SET previous_secret_expires_at = now() WHERE id = $1', [
      id,
    ]);

    expect((await rotate()).status).toBe(200);
  });

  it('drops the old secret at once without a grace', async () => {
    const { body } = await rotate({ grace_period_seconds: 0 });

    expect(body.data.previous_secret_expires_at).toBeNull();
    expect(accepting(await nextArrival(), first, body.data.secret)).toEqual([body.data.secret]);
    expect(
      await system.database.query(
        'SELECT previous_secret_enc, previous_secret_expires_at FROM hook.webhook_configs WHERE id = $1',
        [id],
      ),
    ).toEqual([{ previous_secret_enc: null, previous_secret_expires_at: null }]);
    expect((await rotate({ grace_period_seconds: 0 })).status).toBe(200);
  });

  it('by force drops the secret before, and lets the current one sign along', async () => {
    const second = (await rotate()).body.data.secret;

    const { status, body } = await rotate({ force: true, grace_period_seconds: 60 });

    expect(status).toBe(200);
    expect(secondsUntil(body.data.previous_secret_expires_at)).toBeLessThanOrEqual(60);
    expect(accepting(await nextArrival(), first, second, body.data.secret)).toEqual([second, body.data.secret]);
  });

  it('stores each secret sealed for its own column', async () => {
    const { body } = await rotate();

    const [row] = await system.database.query<Record<'secret_enc' | 'previous_secret_enc', Buffer>>(
      'SELECT secret_enc, previous_secret_enc FROM hook.webhook_configs WHERE id = $1',
      [id],
    );

    const open = (column: 'secret_enc' | 'previous_secret_enc') =>
      system.ctx.secrets.open(
        { tenantId: tenant.id, table: 'webhook_configs', rowId: id, column },
        row?.[column] ?? Buffer.alloc(0),
      );
    expect([await open('secret_enc'), await open('previous_secret_enc')]).toEqual([body.data.secret, first]);
  });

  it('leaves audit rows that tell of the grace and of force, and of no secret', async () => {
    await rotate({ secret: 'a secret of my own' });
    await rotate({ force: true, grace_period_seconds: 5 });

    const actor = `client:${tenant.clientId}`;
    expect(await auditOf()).toEqual([
      { actor, details: { secret: '[changed]', grace_period_seconds: 86_400, forced: false } },
      { actor, details: { secret: '[changed]', grace_period_seconds: 5, forced: true } },
    ]);
  });

  it('may be asked of a paused webhook', async () => {
    await system.call('POST', `/v1/webhooks/${id}/pause`, { token: tenant.token });

    expect((await rotate()).status).toBe(200);
  });
});

describe('POST /v1/webhooks/:id/rotate-secret: a secret that cannot be decrypted', () => {
  it('is replaced at once, and deliveries go on', async () => {
    await system.database.query("UPDATE hook.webhook_configs SET secret_enc = '{}' WHERE id = $1", [id]);
    const [lost = ''] = await system.publish(tenant);
    const deadLetter = await system.deliveryWith(tenant, lost, 'DEAD_LETTER');

    const { status, body } = await rotate();

    expect(deadLetter).toMatchObject({ reason: 'SECRET_UNREADABLE', attempts: 0 });
    expect(status).toBe(200);
    expect(body.data.previous_secret_expires_at).toBeNull();
    expect(accepting(await nextArrival(), body.data.secret)).toEqual([body.data.secret]);
  });
});

describe('POST /v1/webhooks/:id/rotate-secret: refusals', () => {
  it.each([
    [{ secret: 'short' }, 'secret'],
    [{ secret: 'x'.repeat(129) }, 'secret'],
    [{ secret: 'whsec_not base64' }, 'secret'],
    [{ secret: null }, 'secret'],
    [{ grace_period_seconds: -1 }, 'grace_period_seconds'],
    [{ grace_period_seconds: 604_801 }, 'grace_period_seconds'],
    [{ grace_period_seconds: 1.5 }, 'grace_period_seconds'],
    [{ grace_period_seconds: '60' }, 'grace_period_seconds'],
    [{ force: 'yes' }, 'force'],
    [{ previous_secret: 'x' }, 'previous_secret'],
  ])('400 for %j, which changes nothing', async (body, field) => {
    expectRefusal(await rotate(body), 400, 'VALIDATION_ERROR', field);
    expect(await auditOf()).toEqual([]);
  });

  it('404 for a webhook that was deleted', async () => {
    await system.call('DELETE', `/v1/webhooks/${id}`, { token: tenant.token });

    expectRefusal(await rotate(), 404, 'NOT_FOUND');
  });

  it('409 within the grace, with its end, and both secrets go on signing', async () => {
    const { body } = await rotate();

    const answer = await rotate();

    expectRefusal(answer, 409, 'ROTATION_IN_PROGRESS');
    expect(answer.body.error.details).toEqual({
      previous_secret_expires_at: body.data.previous_secret_expires_at,
    });
    expect(answer.body.error.message).toContain('force');
    expect(accepting(await nextArrival(), first, body.data.secret)).toEqual([first, body.data.secret]);
    expect(await auditOf()).toHaveLength(1);
  });

  it('409 for all but one of many at a time', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => rotate()));

    const [won, ...others] = answers.toSorted((a, b) => a.status - b.status);
    expect([won?.status, ...others.map(({ status }) => status)]).toEqual([200, 409, 409, 409, 409]);
    expect(accepting(await nextArrival(), first, won?.body.data.secret)).toEqual([first, won?.body.data.secret]);
  });
});
