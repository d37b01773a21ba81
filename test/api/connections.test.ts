/** What `inject` cannot reach: requests that never become one, over a real socket. */
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { TestSystem } from '../support/system';

let system: TestSystem;
let port: number;

beforeAll(async () => {
  system = await TestSystem.start();
  await system.app.listen({ host: '127.0.0.1', port: 0 });
  port = (system.app.server.address() as AddressInfo).port;
});

afterAll(() => system.stop());

/** @returns all that the server says until it closes the connection */
async function say(text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let said = '';
  socket.setEncoding('utf8').on('data', (part: string) => (said += part));
  socket.on('error', () => {});
  socket.write(text);
  await once(socket, 'close');
  return said;
}

function expectEnvelope(said: string, status: number, message: RegExp): void {
  const [head = '', body = ''] = said.split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head).toMatch(/\r\nx-request-id: [0-9A-Z]{26}(\r\n|$)/);
  expect(head).toMatch(/content-type: application\/json; charset=utf-8/);
  expect(head).toContain(`content-length: ${Buffer.byteLength(body)}`);
  expect(JSON.parse(body)).toEqual({
    data: null,
    error: expect.objectContaining({ code: 'VALIDATION_ERROR', message: expect.stringMatching(message) }),
    pagination: null,
  });
}

const health = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n';

describe('what is no HTTP is answered in the envelope: 400', () => {
  it.each([
    ['noise', 'hello\r\n\r\n'],
    ['a method that is not there', 'FETCH /health HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a version that is not there', 'GET /health HTTP/9.9\r\nhost: x\r\n\r\n'],
    ['a header with a control character', 'GET /health HTTP/1.1\r\nhost: x\r\na: \u0001\r\n\r\n'],
    ['a header without a colon', 'GET /health HTTP/1.1\r\nhost: x\r\nnonsense\r\n\r\n'],
    ['two lengths', 'POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}'],
    [
      'a length beside chunks',
      'POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ])('%s', async (_what, text) => {
    expectEnvelope(await say(text), 400, /HTTP\/1\.1/);
  });

  it('also after a good request on the same connection', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('utf8').write(health);
    const [first] = (await once(socket, 'data')) as [string];
    socket.write('nonsense\r\n\r\n');
    const [second] = (await once(socket, 'data')) as [string];

    socket.destroy();
    expect(first).toMatch(/^HTTP\/1\.1 200 /);
    expectEnvelope(second, 400, /HTTP\/1\.1/);
  });
});

describe('headers', () => {
  const sized = (bytes: number) =>
    `GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\na: ${'x'.repeat(bytes)}\r\n\r\n`;

  it('of up to 16 KiB are taken', async () => {
    expect(await say(sized(16_000))).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('of more are refused in the envelope: 431', async () => {
    expectEnvelope(await say(sized(17_000)), 431, /16 KiB/);
  });

  it('in an endless path are refused in the envelope: 431', async () => {
    expectEnvelope(await say(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`), 431, /16 KiB/);
  });
});

describe('a connection', () => {
  it('may not take as long as it likes', () => {
    const { headersTimeout, requestTimeout, timeout } = system.app.server;

    expect({ headersTimeout, requestTimeout, timeout }).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      timeout: 90_000,
    });
  });

  it('that is reset in the middle harms nobody', async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
    socket.resetAndDestroy();

    expect(await say(health.replace('host: x', 'host: x\r\nconnection: close'))).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a database that refuses to write', () => {
  const publish = async (): Promise<{ status: number; retryAfter: string | null; code: string }> => {
    const tenant = await system.createTenant();
    const answer = await fetch(`http://127.0.0.1:${port}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'order.created', payload: 1 }),
    });
    const { error } = (await answer.json()) as { error: { code: string } };
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), code: error.code };
  };

  afterEach(() => system.database.query('DROP FUNCTION hook.refuse() CASCADE'));

  it("because its disk is full is not the caller's fault, who may ask again", async () => {
    await system.database.query(
      `CREATE FUNCTION hook.refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END$$`,
    );
    await system.database.query(
      'CREATE TRIGGER refuse BEFORE INSERT ON hook.events FOR EACH STATEMENT EXECUTE FUNCTION hook.refuse()',
    );

    expect(await publish()).toEqual({ status: 503, retryAfter: '1', code: 'UNAVAILABLE' });
  });
});
