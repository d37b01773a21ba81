import { isSecretFieldName, redactText, secretFieldNames } from '../../../src/telemetry/redact';

describe('redaction', () => {
  it.each([
    ['{"password":"hunter2"}', '{"password":"***REDACTED***"}'],
    ['{"password" : "hunter2", "a": 1}', '{"password" : "***REDACTED***", "a": 1}'],
    [String.raw`{"password":"a\"b","a":1}`, '{"password":"***REDACTED***","a":1}'],
    [String.raw`{"body":"{\"token\":\"abc\",\"a\":1}"}`, String.raw`{"body":"{\"token\":\"***REDACTED***\",\"a\":1}"}`],
    ["{'api_key': 'abc'}", "{'api_key': '***REDACTED***'}"],
    ['{"API-Key":123456,"a":1}', '{"API-Key":***REDACTED***,"a":1}'],
    ['{"secret":{"value":"a}b","n":[1]},"a":1}', '{"secret":***REDACTED***,"a":1}'],
    ['{"refresh_tokens":["a","b"],"a":1}', '{"refresh_tokens":***REDACTED***,"a":1}'],
    ['{"stripeSecretKey":"sk"}', '{"stripeSecretKey":"***REDACTED***"}'],
    ['user=ann&password=hunter2&a=1', 'user=ann&password=***REDACTED***&a=1'],
    ['PASSWORD = hunter2 next', 'PASSWORD = ***REDACTED*** next'],
    ['Authorization: Bearer abc.def-ghi next', 'Authorization: ***REDACTED*** next'],
    ['authorization=Basic dXNlcjpwYXNz;', 'authorization=***REDACTED***;'],
    ['sent Bearer eyJhbGciOi.abc and', 'sent Bearer ***REDACTED*** and'],
    ['it was ehk_0123456789abcdefABCDEF, not ehs_x-y', 'it was ***REDACTED***, not ***REDACTED***'],
    ['key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==, ok', 'key ***REDACTED***, ok'],
    ['"session_id"=>"abc"', '"session_id"=>"***REDACTED***"'],
    ['{"token":"cut off', '{"token":"***REDACTED***'],
    ['{"private_key":{"a":[1', '{"private_key":***REDACTED***'],
    ['csrf: abc, xsrf: def', 'csrf: ***REDACTED***, xsrf: ***REDACTED***'],
  ])('turns %s into %s', (text, redacted) => {
    expect(redactText(text)).toBe(redacted);
  });

  it.each([
    '',
    'Not found',
    '{"error":"invalid password"}',
    '{"a":1}',
    'the bearer of this',
    'token',
    'token:',
    '"token":',
  ])('leaves %j readable', (text) => {
    expect(redactText(text).replace('***REDACTED***', '')).toBe(text);
  });

  it.each(secretFieldNames)('knows %s in any spelling', (name) => {
    const camelCase = name.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase());

    expect(
      [name, name.toUpperCase(), name.replaceAll('_', '-'), camelCase, `my_${name}`].every(isSecretFieldName),
    ).toBe(true);
  });

  it.each([
    ['one long word', 'a'],
    ['field names without values', 'token '],
    ['colons', 'token:'],
    ['quotes', '"'],
    ['open brackets', '{"token":['],
    ['backslashes', '\\'],
    ['bearers', 'bearer '],
    ['spaces', 'password       '],
    ['escaped quotes', '\\"token\\":\\"'],
  ])('takes time in proportion to hostile text: %s', (_name, unit) => {
    const text = unit.repeat(1_000_000 / unit.length);
    const startedMs = performance.now();

    redactText(text);

    expect(performance.now() - startedMs).toBeLessThan(2000);
  });
});
