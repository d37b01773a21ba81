import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { checkSecret, generateSecret, signatureHeaders } from '../../../src/delivery/sign';

/** The vector published with Standard Webhooks. */
const published = {
  deliveryId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampSeconds: 1614265330,
  body: '{"test": 2432232314}',
  secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
};

describe('signature headers', () => {
  it('agree with the vector published by Standard Webhooks', () => {
    const headers = signatureHeaders(published);

    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
    expect(headers['webhook-id']).toBe('msg_p5jXN8AQM9LWM0D4loKWxJek');
    expect(headers['webhook-timestamp']).toBe('1614265330');
  });

  it('are the five of the contract, by name', () => {
    const names = Object.keys(signatureHeaders(published));

    expect(names).toEqual([
      'webhook-id',
      'webhook-timestamp',
      'webhook-signature',
      'X-Webhook-Signature',
      'X-Webhook-Timestamp',
    ]);
  });

  it.each([
    ['a generated secret', generateSecret(), '{"ü":"日本 👋"}'],
    ['an empty object', generateSecret(), '{}'],
  ])('verify with the standardwebhooks package: %s', (_name, secret, body) => {
    const timestampSeconds = Math.floor(Date.now() / 1000);

    const headers = signatureHeaders({ ...published, timestampSeconds, body, secrets: [secret] });

    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
  });

  it('verify with a few lines of node:crypto over the whole secret string', () => {
    const [secret = ''] = published.secrets;

    const headers = signatureHeaders(published);

    const expected = createHmac('sha256', secret)
      .update(`${headers['X-Webhook-Timestamp']}.${published.body}`)
      .digest('hex');
    expect(headers['X-Webhook-Signature']).toBe(`sha256=${expected}`);
  });

  it('use the bytes of a secret without the whsec_ prefix for both forms', () => {
    const secret = 'a plain secret, ümlaut';

    const headers = signatureHeaders({ ...published, secrets: [secret] });

    const expected = createHmac('sha256', Buffer.from(secret, 'utf8'))
      .update(`${published.deliveryId}.${published.timestampSeconds}.${published.body}`)
      .digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
  });

  it('carry both signatures during a rotation, newest first', () => {
    const newest = generateSecret();
    const previous = generateSecret();

    const both = signatureHeaders({ ...published, secrets: [newest, previous] });

    const [one, two] = [newest, previous].map((secret) => signatureHeaders({ ...published, secrets: [secret] }));
    expect(both['webhook-signature']).toBe(`${one?.['webhook-signature']} ${two?.['webhook-signature']}`);
    expect(both['X-Webhook-Signature']).toBe(`${one?.['X-Webhook-Signature']},${two?.['X-Webhook-Signature']}`);
  });

  it('are the same for text and for its bytes', () => {
    const body = '{"ü":1}';

    const fromBytes = signatureHeaders({ ...published, body: Buffer.from(body) });

    expect(fromBytes).toEqual(signatureHeaders({ ...published, body }));
  });

  it('do not exist without a secret', () => {
    expect(() => signatureHeaders({ ...published, secrets: [] })).toThrow('without a secret');
  });
});

describe('a generated secret', () => {
  it('is fresh, well-formed and holds 32 bytes', () => {
    const secrets = Array.from({ length: 50 }, () => generateSecret());

    expect(new Set(secrets).size).toBe(50);
    for (const secret of secrets) {
      expect(checkSecret(secret)).toBeUndefined();
      expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32);
    }
  });
});

describe('a secret the tenant brings along', () => {
  const whsec = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;

  it.each(['x'.repeat(16), 'x'.repeat(128), 'correct horse battery', whsec(16), whsec(24), whsec(75)])(
    '%s is fine',
    (secret) => {
      expect(checkSecret(secret)).toBeUndefined();
    },
  );

  it.each(['', 'x'.repeat(15), 'x'.repeat(129)])('of the wrong length is refused: %j', (secret) => {
    expect(checkSecret(secret)).toContain('16 to 128');
  });

  it.each([
    whsec(15),
    whsec(76),
    'whsec_not-base64-url_safe',
    'whsec_AAAAAAAAAAAAAAAAAAAAAA',
    'whsec_AAAA AAAAAAAAAAAAAAAAAA==',
    'whsec_AAAAAAAAAAAAAAAAAAAAAB==',
  ])('that begins with whsec_ and goes on wrongly is refused: %s', (secret) => {
    expect(checkSecret(secret)).toContain('base64');
  });
});
