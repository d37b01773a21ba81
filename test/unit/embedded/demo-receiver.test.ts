import { createHmac, randomBytes } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { startDemoReceiver, type DemoReceiver } from '../../../src/embedded/demo-receiver';

const key = randomBytes(24);
const secret = `whsec_${key.toString('base64')}`;
let receiver: DemoReceiver;
let lines: string[];

beforeEach(async () => {
  lines = [];
  receiver = await startDemoReceiver({ host: '127.0.0.1', port: 0, secret, print: (line) => lines.push(line) });
});

afterEach(() => receiver.stop());

interface Delivery {
  path?: string;
  id?: string;
  body?: string;
  signedWith?: Buffer;
  sentAtMs?: number;
  otherSignatures?: string[];
}

async function deliver({ path = '/', id = 'dlv_1', body = '{"ok":true}', ...rest }: Delivery = {}): Promise<number> {
  const timestamp = Math.floor((rest.sentAtMs ?? Date.now()) / 1000);
  const mac = createHmac('sha256', rest.signedWith ?? key)
    .update(`${id}.${timestamp}.${body}`)
    .digest('base64');
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': [...(rest.otherSignatures ?? []), `v1,${mac}`].join(' '),
    'x-webhook-event': 'invoice.paid',
    'x-webhook-attempt': '1',
  };
  return new Promise((resolve, reject) => {
    const request = requestHttp(`${receiver.url}${path}`, { method: 'POST', headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.once('error', reject);
    request.end(body);
  });
}

describe('an arrival', () => {
  it('is accepted and printed as one line', async () => {
    const status = await deliver();

    expect(status).toBe(204);
    expect(lines).toEqual(['invoice.paid  dlv_1  attempt 1  signature ok  answered 204  {"ok":true}']);
  });

  it('is right when one signature of several is', async () => {
    await deliver({ otherSignatures: ['v1,AAAA', 'v1a,BBBB'] });

    expect(lines[0]).toContain('signature ok');
  });

  it('is printed as wrong when it was signed with another key', async () => {
    await deliver({ signedWith: randomBytes(24) });

    expect(lines[0]).toContain('signature WRONG');
  });

  it('is printed as wrong when it is older than five minutes', async () => {
    await deliver({ sentAtMs: Date.now() - 6 * 60 * 1000 });

    expect(lines[0]).toContain('signature WRONG');
  });

  it('cannot reach the terminal with control characters, nor fill it', async () => {
    await deliver({ body: `\u001b[2J\r\n${'x'.repeat(1000)}` });

    expect(lines[0]).toMatch(/answered 204 {2}·\[2J··x{194}…$/);
  });
});

describe('the paths', () => {
  it('/flaky refuses the first two attempts of each delivery', async () => {
    const statuses = [];
    for (const id of ['a', 'b', 'a', 'a', 'b', 'b']) statuses.push(await deliver({ path: '/flaky', id }));

    expect(statuses).toEqual([503, 503, 503, 204, 503, 204]);
  });

  it('/fail never accepts', async () => {
    const status = await deliver({ path: '/fail' });

    expect(status).toBe(500);
  });
});

describe('a body', () => {
  it('of one mebibyte is accepted', async () => {
    const status = await deliver({ body: 'x'.repeat(1024 * 1024) });

    expect(status).toBe(204);
  });

  it('of more is answered with 413, which its sender gets to see', async () => {
    const status = await deliver({ body: 'x'.repeat(8 * 1024 * 1024) });

    expect(status).toBe(413);
    expect(lines).toEqual(['refused a body of more than 1048576 bytes: answered 413']);
  });
});

it('stops although a connection is open, and may be stopped twice', async () => {
  await deliver();

  await receiver.stop();
  await receiver.stop();

  await expect(deliver()).rejects.toThrow('ECONNREFUSED');
});
