import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { createEgressGuard, type EgressGuardOptions } from '../../../src/egress/egress-guard';
import { createHttpSender, SenderClosed, type HttpAnswer, type HttpSender } from '../../../src/delivery/http-sender';
import { closeReceivers, startAnswering, startHttp, startRaw, startTls, type Receiver } from './receivers';
import { selfSigned } from './self-signed';

const unhandled: unknown[] = [];
const noteUnhandled = (reason: unknown) => void unhandled.push(reason);
const senders: HttpSender[] = [];

beforeAll(() => void process.on('unhandledRejection', noteUnhandled));

afterEach(async () => {
  await closeReceivers();
  await Promise.all(senders.splice(0).map((sender) => sender.close()));
  if (unhandled.length > 0) throw new Error('A rejection was left unhandled', { cause: unhandled.splice(0) });
});

afterAll(() => void process.off('unhandledRejection', noteUnhandled));

interface SenderSetup extends Partial<EgressGuardOptions> {
  perOriginConnections?: number;
  connectTimeoutMs?: number;
}

function startSender({ perOriginConnections = 8, connectTimeoutMs = 5000, ...guard }: SenderSetup = {}): HttpSender {
  const sender = createHttpSender({
    guard: createEgressGuard({ allowHttp: true, allowCidrs: ['127.0.0.0/8'], ...guard }),
    userAgent: 'Everhook/test',
    connectTimeoutMs,
    perOriginConnections,
  });
  senders.push(sender);
  return sender;
}

function post(
  sender: HttpSender,
  url: string,
  overrides: { headers?: Record<string, string>; timeoutMs?: number } = {},
) {
  return sender.send({
    url,
    headers: { 'Content-Type': 'application/json' },
    body: '{"a":1}',
    timeoutMs: 5000,
    ...overrides,
  });
}

function failure(errorCode: string) {
  return expect.objectContaining({ kind: 'failure', errorCode });
}

/** Receivers that answer every request with these bytes and leave the connection open. */
function startRepeating(bytes: string): Promise<Receiver> {
  return startAnswering((socket) => void socket.write(bytes));
}

describe('a receiver that answers', () => {
  it('gets the body and headers as given and its answer comes back', async () => {
    let seen: unknown;
    const receiver = await startHttp((request, response) => {
      request.setEncoding('utf8').on('data', (body) => {
        seen = { method: request.method, url: request.url, headers: request.headers, body };
        response.writeHead(202, { 'X-Trace': 'abc', 'Set-Cookie': 'session=1' }).end('thanks');
      });
    });

    const answer = await post(startSender(), `${receiver.url}?a=b#c`, {
      headers: { 'X-Own': 'ü', 'user-agent': 'other' },
    });

    expect(seen).toMatchObject({ method: 'POST', url: '/hook?a=b', body: '{"a":1}' });
    expect(seen).toMatchObject({
      headers: { 'x-own': 'ü', 'user-agent': 'Everhook/test', 'accept-encoding': 'identity', 'content-length': '7' },
    });
    expect(answer).toMatchObject({ kind: 'response', statusCode: 202, truncated: false, remoteIp: '127.0.0.1' });
    expect(answer).toMatchObject({ body: Buffer.from('thanks'), headers: { 'x-trace': 'abc' } });
    expect(answer).not.toHaveProperty('headers.set-cookie');
  });

  it('sees its phases timed', async () => {
    const receiver = await startHttp((_request, response) => {
      setTimeout(() => {
        response.flushHeaders();
        setTimeout(() => response.end('x'), 60);
      }, 60);
    });

    const answer = await post(startSender(), receiver.url);

    if (answer.kind !== 'response') throw new Error(answer.message);
    const { waitMs, connectMs, firstByteMs, downloadMs } = answer.timings;
    expect(firstByteMs).toBeGreaterThanOrEqual(55);
    expect(downloadMs).toBeGreaterThanOrEqual(55);
    expect(Math.abs(answer.durationMs - (waitMs + connectMs + firstByteMs + downloadMs))).toBeLessThanOrEqual(3);
  });

  it('keeps one connection over many requests', async () => {
    const receiver = await startHttp((_request, response) => response.end('ok'));
    const sender = startSender();

    for (let request = 0; request < 5; request++) await post(sender, receiver.url);

    expect(receiver.sockets.size).toBe(1);
  });

  it('gets 20 parallel requests over no more connections than allowed', async () => {
    const receiver = await startHttp((_request, response) => response.end('ok'));
    const sender = startSender({ perOriginConnections: 3 });

    const answers = await Promise.all(Array.from({ length: 20 }, () => post(sender, receiver.url)));

    expect(answers.map((answer) => answer.kind)).toEqual(Array(20).fill('response'));
    expect(answers.every((answer) => answer.remoteIp === '127.0.0.1')).toBe(true);
    expect(receiver.sockets.size).toBeLessThanOrEqual(3);
  });

  it('answers each of several callers that share one body buffer', async () => {
    const receiver = await startHttp((_request, response) => response.end('ok'));
    const sender = startSender();
    const body = Buffer.from('{"shared":true}');

    const answers = await Promise.all(
      [1, 2, 3].map(() => sender.send({ url: receiver.url, headers: {}, body, timeoutMs: 5000 })),
    );

    expect(answers.map((answer) => answer.remoteIp)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
  });

  it('redirects, and is not followed', async () => {
    const target = await startHttp((_request, response) => response.end('secret'));
    const receiver = await startHttp((_request, response) => response.writeHead(307, { Location: target.url }).end());

    const answer = await post(startSender(), receiver.url);

    expect(answer).toMatchObject({ kind: 'response', statusCode: 307, headers: { location: target.url } });
    expect(target.sockets.size).toBe(0);
  });

  it('sends a gzip bomb, which stays compressed', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const receiver = await startHttp((_request, response) =>
      response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(bomb),
    );

    const answer = await post(startSender(), receiver.url);

    expect(answer).toMatchObject({ kind: 'response', statusCode: 200, body: bomb.subarray(0, 16_384) });
  });

  it('sends exactly the limit, and loses nothing', async () => {
    const receiver = await startHttp((_request, response) => response.end(Buffer.alloc(16_384, 'x')));

    const answer = await post(startSender(), receiver.url);

    expect(answer).toMatchObject({ truncated: false, body: Buffer.alloc(16_384, 'x') });
  });

  it('sends 100 MB, of which 16 KiB are read before its connection is closed', async () => {
    const total = 100 * 1024 * 1024;
    let written = 0;
    const receiver = await startHttp((request, response) => {
      const chunk = Buffer.alloc(65_536, 'x');
      const write = () => {
        while (written < total && !response.destroyed) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', write);
            return;
          }
        }
      };
      request.resume().on('end', write);
    });
    const before = process.memoryUsage().rss;

    const answer = await post(startSender(), receiver.url);
    await receiver.allClosed();

    expect(answer).toMatchObject({
      kind: 'response',
      statusCode: 200,
      truncated: true,
      body: Buffer.alloc(16_384, 'x'),
    });
    expect(written).toBeLessThan(total / 4);
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024);
  });

  it('answers before it has read the request', async () => {
    const receiver = await startRepeating('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');

    const answer = await startSender().send({
      url: receiver.url,
      headers: {},
      body: Buffer.alloc(1_000_000, 'x'),
      timeoutMs: 5000,
    });

    expect(answer).toMatchObject({ kind: 'response', statusCode: 413 });
  });
});

describe('a receiver that takes too long', () => {
  const timeoutMs = 300;

  /** Sends these bytes again and again once a request has come in. */
  function drip(socket: net.Socket, bytes: string): void {
    const timer = setInterval(() => socket.write(bytes), 20);
    socket.once('close', () => clearInterval(timer));
  }

  it.each<[string, (socket: net.Socket) => void]>([
    ['by never answering', () => {}],
    ['by a flood of 1xx answers', (socket) => drip(socket, 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')],
    [
      'by sending its body byte by byte',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
        drip(socket, 'x');
      },
    ],
    [
      'by sending its headers byte by byte',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nX-Long: ');
        drip(socket, 'x');
      },
    ],
  ])('%s', async (_name, handler) => {
    const receiver = await startAnswering(handler);

    const answer = await post(startSender(), receiver.url, { timeoutMs });
    await receiver.allClosed();

    expect(answer).toMatchObject({
      kind: 'failure',
      errorCode: 'timeout',
      message: 'No complete response within 300 ms.',
      remoteIp: '127.0.0.1',
    });
    expect(answer.durationMs).toBeGreaterThanOrEqual(timeoutMs - 5);
    expect(answer.durationMs).toBeLessThan(timeoutMs + 700);
  });

  it('by a TLS handshake that never proceeds', async () => {
    const receiver = await startRaw((socket) => void socket.resume());

    const answer = await post(startSender(), receiver.url.replace('http:', 'https:'), { timeoutMs });

    expect(answer).toEqual(failure('timeout'));
    expect(answer).not.toHaveProperty('remoteIp');
  });

  it('to connect, and the connect limit ends it before the deadline', async () => {
    const receiver = await startRaw((socket) => void socket.resume());
    const sender = startSender({ connectTimeoutMs: 200 });

    const answer = await post(sender, receiver.url.replace('http:', 'https:'), { timeoutMs: 8000 });

    expect(answer).toMatchObject({ errorCode: 'timeout', message: 'The connection timed out.' });
    expect(answer.durationMs).toBeLessThan(3000);
  });

  it('and holds all connections, so that the next in line keeps its own deadline and is never sent', async () => {
    let requests = 0;
    const receiver = await startAnswering(() => requests++);
    const sender = startSender({ perOriginConnections: 1 });
    const first = post(sender, receiver.url, { timeoutMs: 900 });

    const second = await post(sender, receiver.url, { timeoutMs: 100 });

    expect(second).toMatchObject({ errorCode: 'timeout', message: expect.stringContaining('stayed busy') });
    expect(await first).toEqual(failure('timeout'));
    expect(requests).toBe(1);
  });

  it('and is answered for by the same sender once it has recovered', async () => {
    let hang = true;
    const receiver = await startHttp((_request, response) => {
      if (!hang) response.end('ok');
    });
    const sender = startSender({ perOriginConnections: 2 });
    await Promise.all([1, 2, 3, 4].map(() => post(sender, receiver.url, { timeoutMs: 150 })));

    hang = false;
    const answers = await Promise.all([1, 2, 3, 4].map(() => post(sender, receiver.url)));

    expect(answers.map((answer) => answer.kind)).toEqual(Array(4).fill('response'));
  });
});

describe('a receiver that breaks the connection', () => {
  it.each<[string, (socket: net.Socket) => void]>([
    ['with a reset before answering', (socket) => void socket.resetAndDestroy()],
    ['by closing its side before answering', (socket) => void socket.end()],
    [
      'with a reset inside the body',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc', () => socket.resetAndDestroy()),
    ],
    ['by closing inside the body', (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc')],
    ['by closing inside the headers', (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Le')],
  ])('%s', async (_name, handler) => {
    const receiver = await startAnswering(handler);

    const answer = await post(startSender(), receiver.url);

    expect(answer).toEqual(failure('connection_reset'));
    expect(answer.remoteIp).toBe('127.0.0.1');
  });

  it('at once on accepting it', async () => {
    const receiver = await startRaw((socket) => void socket.resetAndDestroy());

    const answer = await post(startSender(), receiver.url);

    expect(answer).toEqual(failure('connection_reset'));
  });

  it('by half-closing after a complete answer, which counts', async () => {
    const receiver = await startAnswering((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));

    const answer = await post(startSender(), receiver.url);

    expect(answer).toMatchObject({ kind: 'response', statusCode: 200, body: Buffer.from('all of it') });
  });

  it('by listening no more', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');

    const answer = await post(startSender(), `http://127.0.0.1:${port}/`);

    expect(answer).toMatchObject({ errorCode: 'connection_refused', message: 'The connection was refused.' });
  });
});

describe('a receiver that does not speak proper HTTP', () => {
  const ok = 'Content-Length: 0\r\nConnection: close\r\n\r\n';

  it.each([
    ['an SSH banner', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['a garbage status line', 'HTTP/1.1 abc Nonsense\r\n\r\n'],
    ['status 999', `HTTP/1.1 999 Odd\r\n${ok}`],
    ['status 600', `HTTP/1.1 600 Odd\r\n${ok}`],
    ['status 099', `HTTP/1.1 099 Odd\r\n${ok}`],
    ['status 000', `HTTP/1.1 000 Odd\r\n${ok}`],
    ['status 101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
    ['an unasked-for 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['two content lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['a broken chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['a header bomb', `HTTP/1.1 200 OK\r\n${'X-Bomb: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n'.repeat(1000)}`],
    ['one endless header', `HTTP/1.1 200 OK\r\nX-Bomb: ${'x'.repeat(100_000)}`],
  ])('%s', async (_name, bytes) => {
    const receiver = await startRepeating(bytes);

    const answer = await post(startSender(), receiver.url);
    await receiver.allClosed();

    expect(answer).toEqual(failure('bad_response'));
  });

  it('has its many or long headers bounded', async () => {
    const many = Array.from({ length: 100 }, (_, index) => `X-${index}: ${'v'.repeat(index === 0 ? 2000 : 1)}\r\n`);
    const receiver = await startRepeating(`HTTP/1.1 200 OK\r\n${many.join('')}${ok}`);

    const answer = await post(startSender(), receiver.url);

    if (answer.kind !== 'response') throw new Error(answer.message);
    expect(Object.keys(answer.headers)).toHaveLength(64);
    expect(answer.headers['x-0']).toHaveLength(1024);
  });
});

describe('a target that may not be reached', () => {
  const blocked = { kind: 'failure', errorCode: 'address_blocked', message: 'This target is not allowed.' };

  it.each([
    'http://127.0.0.1:8080/',
    'http://2130706433/',
    'http://[::ffff:127.0.0.1]/',
    'http://localhost/',
    'ftp://a.b/',
  ])('%s, refused before a socket exists', async (url) => {
    const answer = await post(startSender({ allowCidrs: [] }), url);

    expect(answer).toEqual(failure('address_blocked'));
  });

  it('because its name leads to a private address', async () => {
    const receiver = await startHttp((_request, response) => response.end('secret'));
    const sender = startSender({ allowCidrs: [], resolve: async () => [{ address: '127.0.0.1', family: 4 }] });

    const answer = await post(sender, `http://hooks.example.com:${receiver.port}/`);

    expect(answer).toEqual({ ...blocked, durationMs: expect.any(Number) });
    expect(receiver.sockets.size).toBe(0);
  });

  it('because one of several addresses of its name is private', async () => {
    const receiver = await startHttp((_request, response) => response.end('secret'));
    const sender = startSender({
      resolve: async () => [
        { address: '127.0.0.1', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ],
    });

    const answer = await post(sender, `http://hooks.example.com:${receiver.port}/`);

    expect(answer).toMatchObject(blocked);
    expect(receiver.sockets.size).toBe(0);
  });

  it('because its resolver answers no address at all', async () => {
    const sender = startSender({ resolve: async () => [{ address: 'localhost', family: 4 }] });

    const answer = await post(sender, 'http://hooks.example.com/');

    expect(answer).toMatchObject(blocked);
  });
});

describe('a name', () => {
  it('is resolved once for a connection that is reused', async () => {
    const receiver = await startHttp((_request, response) => response.end('ok'));
    const names: string[] = [];
    const sender = startSender({
      resolve: async (hostname) => {
        names.push(hostname);
        return [{ address: '127.0.0.1', family: 4 }];
      },
    });

    await post(sender, `http://hooks.example.com:${receiver.port}/`);
    const answer = await post(sender, `http://hooks.example.com:${receiver.port}/`);

    expect(answer).toMatchObject({ statusCode: 200, remoteIp: '127.0.0.1' });
    expect(names).toEqual(['hooks.example.com']);
  });

  it('of loopback never asks DNS', async () => {
    const receiver = await startHttp((_request, response) => response.end('ok'));
    const sender = startSender({
      resolve: async () => {
        throw new Error('DNS was asked');
      },
    });

    const answer = await post(sender, `http://localhost:${receiver.port}/`);

    expect(answer).toMatchObject({ statusCode: 200 });
  });

  it('falls through to the machine when the operator opened a range', async () => {
    const lookup = jest.spyOn(dns, 'lookup').mockResolvedValue([{ address: '127.0.0.1', family: 4 }] as never);
    const receiver = await startHttp((_request, response) => response.end('ok'));

    const answer = await post(startSender(), `http://receiver:${receiver.port}/`);

    expect(answer).toMatchObject({ statusCode: 200 });
    expect(lookup).toHaveBeenCalledWith('receiver', { all: true });
    lookup.mockRestore();
  });

  it.each([
    ['ENOTFOUND', 'dns_not_found'],
    ['ENODATA', 'dns_not_found'],
    ['ESERVFAIL', 'dns_failed'],
    ['ETIMEOUT', 'dns_failed'],
  ])('whose look-up ends with %s fails as %s', async (code, errorCode) => {
    const sender = startSender({ resolve: () => Promise.reject(Object.assign(new Error('10.0.0.2'), { code })) });

    const answer = await post(sender, 'https://hooks.example.com/');

    expect(answer).toEqual(failure(errorCode));
    expect(answer).not.toMatchObject({ message: expect.stringContaining('10.0.0.2') });
  });

  it('with no address fails as not found', async () => {
    const answer = await post(startSender({ resolve: async () => [] }), 'https://hooks.example.com/');

    expect(answer).toEqual(failure('dns_not_found'));
  });

  it('whose look-up hangs fails when the DNS limit is over', async () => {
    const sender = startSender({ dnsTimeoutMs: 100, resolve: () => new Promise(() => {}) });

    const answer = await post(sender, 'https://hooks.example.com/');

    expect(answer).toEqual(failure('dns_failed'));
    expect(answer.durationMs).toBeLessThan(2000);
  });
});

describe('a TLS receiver', () => {
  it('with a certificate of its own making is not trusted', async () => {
    const receiver = await startTls(selfSigned);

    const answer = await post(startSender(), receiver.url);

    expect(answer).toEqual(failure('tls_failed'));
    expect(answer).not.toHaveProperty('remoteIp');
  });

  it('is not trusted either when the environment would have Node trust it', async () => {
    const receiver = await startTls(selfSigned);
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await post(startSender(), receiver.url)).toEqual(failure('tls_failed'));
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
  });

  it('that speaks plain HTTP fails the handshake', async () => {
    const receiver = await startRepeating('HTTP/1.1 400 Bad Request\r\n\r\n');

    const answer = await post(startSender(), receiver.url.replace('http:', 'https:'));

    expect(answer).toEqual(failure('tls_failed'));
  });
});

describe('a request that cannot be sent', () => {
  it.each([
    ['a line break in a value', { 'X-Bad': 'a\r\nX-Injected: b' }],
    ['a NUL in a value', { 'X-Bad': 'a\0b' }],
    ['a value outside Latin-1', { 'X-Bad': '日本' }],
    ['a space in a name', { 'X Bad': 'a' }],
    ['an empty name', { '': 'a' }],
    ['a header the client writes itself', { 'Transfer-Encoding': 'chunked' }],
    ['another host', { Host: 'internal' }],
    ['no value', { 'X-Bad': undefined as unknown as string }],
  ])('for %s fails and leaves the origin usable', async (_name, headers) => {
    const receiver = await startHttp((_request, response) => response.end('ok'));
    const sender = startSender({ perOriginConnections: 2 });
    await post(sender, receiver.url);

    const bad: HttpAnswer[] = await Promise.all([1, 2, 3, 4].map(() => post(sender, receiver.url, { headers })));
    const good = await Promise.all([1, 2, 3, 4].map(() => post(sender, receiver.url)));

    expect(bad).toEqual(Array(4).fill(failure('bad_response')));
    expect(good.map((answer) => answer.kind)).toEqual(Array(4).fill('response'));
  });
});

describe('a sender that closes', () => {
  const closed = { status: 'rejected', reason: expect.any(SenderClosed) as SenderClosed };

  it.each<[string, (socket: net.Socket) => void]>([
    ['waits for an answer', () => {}],
    ['reads an answer', (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')],
  ])('ends a request that %s, and its connection', async (_doing, answer) => {
    const asked = deferred();
    const receiver = await startAnswering((socket) => {
      answer(socket);
      asked.resolve();
    });
    const sender = startSender();
    const ended = Promise.allSettled([post(sender, receiver.url)]);
    await asked.promise;

    await sender.close();

    expect(await ended).toEqual([closed]);
    await receiver.allClosed();
  });

  it('ends requests that wait for a connection, which are never sent', async () => {
    const asked = deferred();
    const receiver = await startAnswering(() => asked.resolve());
    const sender = startSender({ perOriginConnections: 1 });
    const all = Promise.allSettled([1, 2, 3].map(() => post(sender, receiver.url)));
    await asked.promise;

    await sender.close();

    expect(await all).toEqual([closed, closed, closed]);
    expect(receiver.sockets.size).toBe(1);
  });

  it('ends a request whose TLS handshake never proceeds', async () => {
    const connected = deferred();
    const receiver = await startAnswering(() => connected.resolve());
    const sender = startSender();
    const ended = Promise.allSettled([post(sender, receiver.url.replace('http:', 'https:'))]);
    await connected.promise;

    await sender.close();

    expect(await ended).toEqual([closed]);
    await receiver.allClosed();
  });

  it('keeps the answers that came before', async () => {
    const receiver = await startHttp((_request, response) => void response.end('ok'));
    const sender = startSender();

    const answer = await post(sender, receiver.url);
    await sender.close();

    expect(answer).toMatchObject({ kind: 'response', statusCode: 200 });
    await receiver.allClosed();
  });

  it('sends nothing any more, not even a failure of the request itself', async () => {
    const receiver = await startHttp((_request, response) => void response.end('ok'));
    const sender = startSender();

    await sender.close();

    await expect(post(sender, receiver.url)).rejects.toBeInstanceOf(SenderClosed);
    await expect(post(sender, 'http://10.0.0.1/')).rejects.toBeInstanceOf(SenderClosed);
    expect(receiver.sockets.size).toBe(0);
  });

  it('may be closed again, at the same time and later', async () => {
    const asked = deferred();
    const receiver = await startAnswering(() => asked.resolve());
    const sender = startSender();
    const ended = Promise.allSettled([post(sender, receiver.url)]);
    await asked.promise;

    await Promise.all([sender.close(), sender.close()]);
    await sender.close();

    expect(await ended).toEqual([closed]);
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
