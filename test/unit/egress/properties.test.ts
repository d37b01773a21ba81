/** What must hold for every address, every way to write it, and every text that somebody passes for a URL. */
import diagnosticsChannel from 'node:diagnostics_channel';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Socket } from 'node:net';
import * as fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { isSendableHeader } from '../../../src/delivery/custom-headers';
import { createHttpSender } from '../../../src/delivery/http-sender';
import { signatureHeaders } from '../../../src/delivery/sign';
import { parseRetryAfter } from '../../../src/domain/retry-after';
import { createEgressGuard, UrlNotAllowed } from '../../../src/egress/egress-guard';

const guard = createEgressGuard({ allowHttp: true, allowCidrs: [] });

type Octets = [number, number, number, number];

const octet = fc.integer({ min: 0, max: 255 });
const anyIpv4: fc.Arbitrary<Octets> = fc.tuple(octet, octet, octet, octet);

/** Inside of a range that is closed. */
const deniedIpv4: fc.Arbitrary<Octets> = fc.oneof(
  fc.tuple(fc.constantFrom(0, 10, 127), octet, octet, octet),
  fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), octet, octet),
  fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), octet, octet),
  fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
  fc.tuple(fc.constant(169), fc.constant(254), octet, octet),
  fc.tuple(fc.constant(198), fc.constantFrom(18, 19), octet, octet),
  fc.tuple(fc.integer({ min: 224, max: 255 }), octet, octet, octet),
);

const numberOf = (octets: Octets): number => octets.reduce((sum, part) => sum * 256 + part, 0);
const bases = [(n: number) => String(n), (n: number) => `0x${n.toString(16)}`, (n: number) => `0${n.toString(8)}`];
const base = fc.constantFrom(...bases);

/** Every way in which a URL may write an IPv4 address. */
const spellings: ((octets: Octets, write: (n: number) => string) => string)[] = [
  (octets, write) => octets.map(write).join('.'),
  (octets, write) => write(numberOf(octets)),
  ([a, ...rest], write) => `${write(a)}.${write(rest.reduce((sum, part) => sum * 256 + part, 0))}`,
  ([a, b, c, d], write) => `${write(a)}.${write(b)}.${write(c * 256 + d)}`,
  (octets) => `${octets.join('.')}.`,
  (octets) => `[::ffff:${octets.join('.')}]`,
  (octets) => `[::ffff:${(numberOf(octets) >>> 16).toString(16)}:${(numberOf(octets) & 0xffff).toString(16)}]`,
  (octets) => `[0:0:0:0:0:ffff:${octets.join('.')}]`,
  // Translated, tunnelled or compatible forms are closed whatever is inside.
  (octets) => `[64:ff9b::${octets.join('.')}]`,
  (octets) => `[::${octets.join('.')}]`,
  (octets) => `[2002:${(numberOf(octets) >>> 16).toString(16)}:${(numberOf(octets) & 0xffff).toString(16)}::1]`,
];
const spelling = fc.constantFrom(...spellings);

function refused(url: string): boolean {
  try {
    guard.checkUrl(url);
    return false;
  } catch (error) {
    if (error instanceof UrlNotAllowed) return true;
    throw error;
  }
}

const runs = { numRuns: 2_000 };

describe('an address that is closed', () => {
  it('is refused however it is written', () => {
    fc.assert(
      fc.property(deniedIpv4, spelling, base, fc.constantFrom('http', 'https'), (octets, spell, write, scheme) =>
        refused(`${scheme}://${spell(octets, write)}/`),
      ),
      runs,
    );
  });

  it('is judged the same in every spelling that is plainly IPv4', () => {
    const plain = spellings.slice(0, 4);

    fc.assert(
      fc.property(anyIpv4, fc.constantFrom(...plain), base, (octets, spell, write) => {
        return refused(`http://${spell(octets, write)}/`) === refused(`http://${octets.join('.')}/`);
      }),
      runs,
    );
  });

  it('is refused anywhere in IPv6 outside of what is allocated', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    // No allocated block begins below 2001 or at 3000 and above.
    const first = fc.oneof(fc.integer({ min: 0, max: 0x2000 }), fc.integer({ min: 0x3000, max: 0xffff }));
    const notMapped = (groups: number[]) => groups.slice(0, 5).some((part) => part !== 0);

    fc.assert(
      fc.property(first, fc.array(group, { minLength: 7, maxLength: 7 }), (head, tail) => {
        const groups = [head, ...tail];
        fc.pre(notMapped(groups));
        return refused(`https://[${groups.map((part) => part.toString(16)).join(':')}]/`);
      }),
      runs,
    );
  });
});

describe('a name that leads to a closed address', () => {
  it('gets no connection, whatever the address', async () => {
    let connections = 0;
    // A socket is made before its name is looked up; what counts is whether it goes on to connect.
    const watch = (message: unknown): void => {
      (message as { socket: Socket }).socket.on('connectionAttempt', () => connections++);
    };
    diagnosticsChannel.subscribe('net.client.socket', watch);
    let address = '';
    const resolve = () => Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
    const closed = createEgressGuard({ allowHttp: true, allowCidrs: [], resolve });
    const sender = createHttpSender({ guard: closed, userAgent: 'test', perOriginConnections: 4 });
    const mapped = deniedIpv4.map((octets) => `::ffff:${octets.join('.')}`);
    const addresses = fc.sample(
      fc.oneof(
        deniedIpv4.map((octets) => octets.join('.')),
        mapped,
      ),
      200,
    );

    for (address of [...addresses, '::1', 'fe80::1', 'fd00:ec2::254', '64:ff9b::7f00:1']) {
      const answer = await sender.send({
        url: 'http://receiver.example:8080/',
        headers: {},
        body: Buffer.from('{}'),
        timeoutMs: 3_000,
      });
      expect({ address, answer }).toMatchObject({ answer: { kind: 'failure', errorCode: 'address_blocked' } });
    }
    await sender.close();
    diagnosticsChannel.unsubscribe('net.client.socket', watch);

    expect(connections).toBe(0);
  });
});

describe('any text', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.webUrl(),
    fc.webUrl().map((url) => url.replace('://', '://\t')),
  );

  it('is a URL that stays as it is when it is checked again, or is refused, and nothing else happens', () => {
    fc.assert(
      fc.property(text, (raw) => {
        if (refused(raw)) return true;
        const checked = guard.checkUrl(raw);
        return guard.checkUrl(checked.href).href === checked.href;
      }),
      runs,
    );
  });

  it('as a header is sent only when Node can carry it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
        if (isSendableHeader(name, value)) validateHeaderName(name);
        if (isSendableHeader('x-any', value)) validateHeaderValue('x-any', value);
      }),
      runs,
    );
  });

  it('as Retry-After is a time from now to a day, or none', () => {
    const value = fc.oneof(
      fc.string(),
      fc.nat().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    );

    fc.assert(
      fc.property(value, (header) => {
        const waitMs = parseRetryAfter(header, Date.now());
        return waitMs === undefined || (Number.isFinite(waitMs) && waitMs >= 0 && waitMs <= 86_400_000);
      }),
      runs,
    );
  });
});

describe('a signed body', () => {
  it('is genuine to a library of Standard Webhooks, and no longer when anything of it is changed', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const webhook = new Webhook(secret);
    const isGenuine = (body: string, headers: Record<string, string>): boolean => {
      try {
        webhook.verify(body, headers);
        return true;
      } catch {
        return false;
      }
    };

    fc.assert(
      fc.property(fc.json(), fc.nat(), (body, at) => {
        const timestampSeconds = Math.floor(Date.now() / 1000);
        const headers = signatureHeaders({
          deliveryId: 'd1',
          timestampSeconds,
          body: Buffer.from(body),
          secrets: [secret],
        });
        const place = at % (body.length + 1);
        return isGenuine(body, headers) && !isGenuine(`${body.slice(0, place)} ${body.slice(place)}`, headers);
      }),
      { numRuns: 300 },
    );
  });
});
