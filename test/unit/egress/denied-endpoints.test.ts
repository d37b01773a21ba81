/** Where Everhook itself listens is refused although its addresses are open, and so is what the operator closes. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createHttpSender, type HttpSender } from '../../../src/delivery/http-sender';
import { createEgressGuard, UrlNotAllowed, type EgressGuardOptions } from '../../../src/egress/egress-guard';

const open = { allowHttp: true, allowCidrs: ['0.0.0.0/0', '::/0'] };

let server: Server;
let port: number;
let connections = 0;
const senders: HttpSender[] = [];

beforeAll(async () => {
  server = createServer((socket) => {
    connections++;
    socket.resume().end('HTTP/1.1 204 No Content\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  ({ port } = server.address() as AddressInfo);
});

beforeEach(() => {
  connections = 0;
});

afterAll(async () => {
  await Promise.all(senders.map((sender) => sender.close()));
  await new Promise((resolve) => server.close(resolve));
});

function arrange(options: Partial<EgressGuardOptions>) {
  const guard = createEgressGuard({ ...open, ...options });
  const sender = createHttpSender({ guard, userAgent: 'test', perOriginConnections: 4 });
  senders.push(sender);
  const reasonOf = (url: string): string | undefined => {
    try {
      guard.checkUrl(url);
      return undefined;
    } catch (error) {
      return error instanceof UrlNotAllowed ? error.reason : String(error);
    }
  };
  const send = async (url: string) => {
    const answer = await sender.send({ url, headers: {}, body: Buffer.from('{}'), timeoutMs: 3_000 });
    return answer.kind === 'response' ? answer.statusCode : answer.errorCode;
  };
  return { reasonOf, send };
}

const ownAddress = Object.values(networkInterfaces())
  .flatMap((cards) => cards ?? [])
  .find((card) => card.family === 'IPv4' && !card.internal)?.address;

describe('an endpoint of our own', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.2'],
    ['127.0.0.1', '[::1]'],
    ['127.0.0.1', '[::ffff:127.0.0.1]'],
    ['127.0.0.1', '2130706433'],
    ['0.0.0.0', '127.0.0.1'],
    ['::', '127.0.0.1'],
    ['10.1.2.3', '10.1.2.3'],
    ['10.1.2.3', '[::ffff:a01:203]'],
    ['db.example', 'DB.example.'],
    ...(ownAddress === undefined ? [] : [['0.0.0.0', ownAddress] as [string, string]]),
  ])('at %s is refused by the text of http://%s', (host, target) => {
    const { reasonOf } = arrange({ ownEndpoints: [{ host, port: 8443 }] });

    expect(reasonOf(`http://${target}:8443/`)).toBe(/[a-z]\./i.test(target) ? 'host_name' : 'address');
    expect(reasonOf(`http://${target}:8444/`)).toBeUndefined();
  });

  it('is known by the default port of its scheme', () => {
    const { reasonOf } = arrange({ ownEndpoints: [{ host: 'hooks.example', port: 443 }] });

    expect(reasonOf('https://hooks.example/')).toBe('host_name');
    expect(reasonOf('http://hooks.example/')).toBeUndefined();
  });

  it.each(['127.0.0.1', '127.0.0.2', '::ffff:127.0.0.1'])(
    'gets no connection by a name that leads to %s',
    async (address) => {
      const resolve = () => Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
      const { send } = arrange({ resolve, ownEndpoints: [{ host: '127.0.0.1', port }] });

      expect(await send(`http://receiver.example:${port}/`)).toBe('address_blocked');
      expect(connections).toBe(0);
    },
  );

  it('gets none by localhost, nor where its own name is what leads there', async () => {
    const { send } = arrange({ ownEndpoints: [{ host: 'localhost', port }] });

    expect(await send(`http://localhost:${port}/`)).toBe('address_blocked');
    expect(await send(`http://127.0.0.1:${port}/`)).toBe('address_blocked');
    expect(connections).toBe(0);
  });

  it('leaves other ports of its address alone', async () => {
    const { send } = arrange({ ownEndpoints: [{ host: '127.0.0.1', port: port + 1 }] });

    expect(await send(`http://127.0.0.1:${port}/`)).toBe(204);
  });
});

describe('what the operator closes', () => {
  it('is refused within what is open, as an address and behind a name', async () => {
    const resolve = () => Promise.resolve([{ address: '127.0.0.9', family: 4 }]);
    const { reasonOf, send } = arrange({ resolve, denyCidrs: ['127.0.0.8/29', '2606:4700::/32'] });

    expect(reasonOf('http://127.0.0.9/')).toBe('address');
    expect(reasonOf('http://[2606:4700::1]/')).toBe('address');
    expect(reasonOf('http://127.0.0.1/')).toBeUndefined();
    expect(await send(`http://receiver.example:${port}/`)).toBe('address_blocked');
    expect(connections).toBe(0);
  });

  it('is refused by its name, or by the domain above it', () => {
    const { reasonOf } = arrange({ denyHosts: ['api.example', '.corp.example'] });

    expect(reasonOf('https://API.example./')).toBe('host_name');
    expect(reasonOf('https://a.b.corp.example/')).toBe('host_name');
    expect(reasonOf('https://corp.example/')).toBeUndefined();
    expect(reasonOf('https://other-api.example/')).toBeUndefined();
  });

  it('must be ranges', () => {
    expect(() => arrange({ denyCidrs: ['nonsense'] })).toThrow('EGRESS_DENY_CIDRS: "nonsense"');
  });
});
