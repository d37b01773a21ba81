import { assertSafeHeader, HeaderNotAllowed, isSendableHeader } from '../../../src/delivery/custom-headers';

function refusal(name: string, value: string): string | undefined {
  try {
    assertSafeHeader(name, value);
    return undefined;
  } catch (error) {
    if (error instanceof HeaderNotAllowed) return error.reason;
    throw error;
  }
}

describe('a custom header', () => {
  it.each([
    ['Authorization', 'Bearer abc'],
    ['X-Api-Key', 'k'],
    ['x-tenant', 'Zoë'],
    ['X-Empty', ''],
    ['X-Tab', 'a\tb'],
    ['X-Long', 'x'.repeat(4096)],
  ])('%s may be configured', (name, value) => {
    expect(refusal(name, value)).toBeUndefined();
    expect(isSendableHeader(name, value)).toBe(true);
  });

  it.each(
    (
      'Host Content-Length Content-Type Content-Encoding Transfer-Encoding Connection Keep-Alive Upgrade Expect TE ' +
      'Trailer Proxy-Authorization Proxy-Connection Cookie Accept-Encoding User-Agent webhook-id WEBHOOK-SIGNATURE ' +
      'X-Webhook-Signature x-webhook-anything X-Delivery-ID HTTP2-Settings'
    ).split(' '),
  )('named %s is reserved', (name) => {
    expect(refusal(name, 'x')).toBe('reserved');
  });

  it.each(['', ' ', 'X Bad', 'X-Bad:', 'X-Bäd', 'X-Bad\r\n', 'X(Bad)', '\0'])('named %j is no header', (name) => {
    expect(refusal(name, 'x')).toBe('name');
    expect(isSendableHeader(name, 'x')).toBe(false);
  });

  it.each(['a\r\nX-Injected: b', 'a\nb', 'a\0b', 'a\u007fb', '日本', ' a', 'a '])(
    'with the value %j is refused',
    (value) => {
      expect(refusal('X-Custom', value)).toBe('value');
    },
  );

  it('that is too long is refused', () => {
    expect(refusal('X-Custom', 'x'.repeat(4097))).toBe('too_long');
    expect(refusal('x'.repeat(129), 'x')).toBe('too_long');
  });

  it('never shows its value in the error', () => {
    expect(() => assertSafeHeader('X-Api-Key', 'hunter2\n')).toThrow(/^Header "X-Api-Key" has a value/);
  });
});
