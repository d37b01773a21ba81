import { responseBodyPreview } from '../../../src/delivery/preview';

describe('a response preview', () => {
  it('is the first 512 characters', () => {
    const preview = responseBodyPreview(Buffer.from('ab'.repeat(1000)));

    expect(preview).toBe('ab'.repeat(256));
  });

  it('replaces control characters and marks that turn text around', () => {
    const preview = responseBodyPreview(Buffer.from('a\0b\r\nc\u001b[31md\u007fe\u0085f\u202eg\u2066h'));

    expect(preview).toBe('a b  c [31md e f g h');
  });

  it('reads broken UTF-8 leniently', () => {
    const preview = responseBodyPreview(Buffer.from([0x6f, 0x6b, 0xff, 0xc3]));

    expect(preview).toBe('ok\ufffd\ufffd');
  });

  it('does not cut a character in half', () => {
    const preview = responseBodyPreview(Buffer.from(`${'x'.repeat(511)}👋`));

    expect(preview).toBe('x'.repeat(511));
  });

  it('masks secrets, also one that the cut goes through', () => {
    const preview = responseBodyPreview(Buffer.from(`{"error":"no","password":"${'p'.repeat(20_000)}`));

    expect(preview).toBe('{"error":"no","password":"***REDACTED***');
  });

  it('shows what follows a long secret', () => {
    const preview = responseBodyPreview(Buffer.from(`{"token":"${'t'.repeat(1000)}","error":"expired"}`));

    expect(preview).toBe('{"token":"***REDACTED***","error":"expired"}');
  });

  it('of nothing is empty', () => {
    expect(responseBodyPreview(Buffer.alloc(0))).toBe('');
  });
});
