/** Receivers behave badly: once, and take what is sent again, or always. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import { apart, type Fault } from '../fault';
import type { Arrival, Behaviour } from '../receiver';

/** With a first attempt; every further one is taken. @returns the status it was answered with, 0 for none */
const firstTime: Readonly<Record<string, (response: ServerResponse) => number>> = {
  '500': (response) => status(response, 500),
  '503': (response) => status(response, 503),
  'retry-after': (response) => status(response, 429, { 'retry-after': '2' }),
  redirect: (response) => status(response, 302, { location: '/elsewhere' }),
  hang: () => 0,
  drip(response) {
    response.writeHead(200, { 'content-length': '1000000' });
    const timer = setInterval(() => response.write('x'), 500);
    response.on('close', () => clearInterval(timer));
    // An answer that does not end in time is none.
    return 0;
  },
  reset(response) {
    response.socket?.resetAndDestroy();
    return 0;
  },
  'half-close'(response) {
    response.socket?.end();
    return 0;
  },
  bomb(response) {
    response.writeHead(500);
    const chunk = Buffer.alloc(65_536, 'x');
    const pour = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', pour);
    pour();
    return 500;
  },
  garbage(response) {
    response.socket?.end('HTTP/9.9 what\r\n\r\n');
    return 0;
  },
};

const always: Readonly<Record<string, (response: ServerResponse) => number>> = {
  '400': (response) => status(response, 400),
  '410': (response) => status(response, 410),
  'always-500': (response) => status(response, 500),
};

function status(response: ServerResponse, code: number, headers: Record<string, string> = {}): number {
  response.writeHead(code, headers).end();
  return code;
}

const onlyFirst =
  (misbehave: (response: ServerResponse) => number): Behaviour =>
  ({ attempt }: Arrival, response) =>
    attempt === 1 ? misbehave(response) : status(response, 204);

const matrix: Fault = {
  name: 'receivers',
  what: `receivers answer with ${Object.keys(firstTime).join(', ')} at first, and others with ${Object.keys(always).join(', ')} always`,
  processes: apart,
  rates: { direct: 30, workflow: 5 },
  async run({ world, tenant, publish, note }) {
    for (const lane of ['direct', 'workflow'] as const) {
      const begin = async (name: string, behaviour: Behaviour, expected: 'delivered' | 'dead'): Promise<void> => {
        const path = `/${lane}/${name}`;
        const type = `receivers.${lane}_${name.replaceAll('-', '_')}`;
        world.receiver.behave(path, behaviour);
        const retry_policy = { delays_seconds: expected === 'dead' ? [1, 1] : [1, 2, 4, 8, 8] };
        await world.createWebhook(tenant, path, { lane, event_types: [type], timeout_ms: 2_000, retry_policy });
        publish({ lane, type, perSecond: 1, expected });
      };
      for (const [name, behave] of Object.entries(firstTime)) await begin(name, onlyFirst(behave), 'delivered');
      for (const [name, behave] of Object.entries(always)) {
        await begin(name, (_arrival, response) => behave(response), 'dead');
      }
    }
    await pause(30_000);
    const rows = await world.query<{ error_code: string; n: number }>(
      `SELECT error_code, count(*)::int AS n FROM hook.delivery_attempts
       WHERE tenant_id = $1 AND error_code IS NOT NULL GROUP BY error_code ORDER BY error_code`,
      [tenant.id],
    );
    note(`attempts that failed: ${rows.map(({ error_code, n }) => `${error_code} ${n}`).join(', ')}`);
  },
};

export const receiverFaults: readonly Fault[] = [matrix];
