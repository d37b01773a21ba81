import { maskKnown } from '../../../src/delivery/known-secrets';
import { responseBodyPreview } from '../../../src/delivery/preview';

const preview = (body: Buffer, secrets: string[] = []): string => responseBodyPreview(body, maskKnown(secrets));

describe('a response preview', () => {
  it('is the first 512 characters', () => {
    const shown = preview(Buffer.from('ab'.repeat(1000)));

    expect(shown).toBe('ab'.repeat(256));
  });

  it('replaces control characters and marks that turn text around', () => {
    const shown = preview(Buffer.from('a\0b\r\nc\u001b[31md\u007fe\u0085f\u202eg\u2066h'));

    expect(shown).toBe('a b  c [31md e f g h');
  });

  it('reads broken UTF-8 leniently', () => {
    const shown = preview(Buffer.from([0x6f, 0x6b, 0xff, 0xc3]));

    expect(shown).toBe('ok\ufffd\ufffd');
  });

  it('does not cut a character in half', () => {
    const shown = preview(Buffer.from(`${'x'.repeat(511)}👋`));

    expect(shown).toBe('x'.repeat(511));
  });

  it('masks secrets, also one that the cut goes through', () => {
    const shown = preview(Buffer.from(`{"error":"no","password":"${'p'.repeat(20_000)}`));

    expect(shown).toBe('{"error":"no","password":"***REDACTED***');
  });

  it('shows what follows a long secret', () => {
    const shown = preview(Buffer.from(`{"token":"${'t'.repeat(1000)}","error":"expired"}`));

    expect(shown).toBe('{"token":"***REDACTED***","error":"expired"}');
  });

  it('of nothing is empty', () => {
    expect(preview(Buffer.alloc(0))).toBe('');
  });

  it('hides what the webhook sends and a receiver sends back, as it is and as JSON spells it', () => {
    const secrets = ['a-secret-of-theirs', 'a-secret', 'with "quotes" in it', 'ok'];
    const echo = JSON.stringify({ 'x-team': 'a-secret-of-theirs', 'x-other': 'with "quotes" in it', state: 'ok' });

    const shown = preview(Buffer.from(echo), secrets);

    expect(shown).toBe('{"x-team":"***REDACTED***","x-other":"***REDACTED***","state":"ok"}');
  });
});
