import { secretFieldNames } from '../../../src/telemetry/redact';
import { createLogger } from '../../../src/telemetry/logger';
import { createMemoryTelemetry } from './memory-telemetry';

// The one list that everything is masked by, and other spellings of what is in it.
const secretNames = [...secretFieldNames, 'X-Api-Key', 'userPassword', 'webhookSecret'];

function arrange(level?: string) {
  const { telemetry, lines, entries } = createMemoryTelemetry(level);
  return { log: telemetry.log, lines, entries };
}

describe('a log line', () => {
  it('is one JSON object with the label of its level and a time of ISO 8601', () => {
    const { log, lines, entries } = arrange();

    log.warn({ event: 'something.happened', note: 'two\nlines' }, 'It\nhappened');

    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{[^\n]*\}\n$/);
    expect(entries()[0]).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      event: 'something.happened',
      note: 'two\nlines',
      msg: 'It\nhappened',
    });
  });

  it('shows an error with its message, stack and cause', () => {
    const { log, entries } = arrange();

    log.error({ err: new Error('on top', { cause: new Error('underneath') }) });

    expect(entries()[0]).toMatchObject({
      level: 'error',
      err: {
        type: 'Error',
        message: expect.stringContaining('on top') as string,
        stack: expect.stringContaining('underneath') as string,
      },
    });
  });

  it.each(secretNames)('masks the field %s', (name) => {
    const { log, lines, entries } = arrange();

    log.info({ [name]: 'hunter2', request: { [name]: 'hunter2', id: 7 } });

    expect(lines.join('')).not.toContain('hunter2');
    expect(entries()[0]).toMatchObject({
      [name]: '***REDACTED***',
      request: { [name]: '***REDACTED***', id: 7 },
    });
  });

  it.each(secretNames)('masks the field %s of an error', (name) => {
    const { log, lines } = arrange();

    log.error({ err: Object.assign(new Error(`failed with ${name}=hunter2`), { [name]: 'hunter2' }) });
    expect(lines).toHaveLength(1);
    expect(lines.join('')).not.toContain('hunter2');
  });

  it('masks what lies deep, in lists, and the password of a URL in an error', () => {
    const { log, lines } = arrange();

    log.info({ a: { b: [{ c: { 'X-Api-Key': 'hunter2' } }] } });
    log.error({ err: new Error('connect to postgresql://hook_svc:hunter2@127.0.0.1:5432/everhook') });

    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('postgresql://hook_svc:***REDACTED***@127.0.0.1:5432/everhook');
  });

  it('leaves the object it was made from as it was', () => {
    const { log } = arrange();
    const fact = { secret: 'hunter2', request: { token: 'hunter2' } };

    log.info(fact);

    expect(fact).toEqual({ secret: 'hunter2', request: { token: 'hunter2' } });
  });
});

describe('a logger', () => {
  it.each([
    ['trace', ['trace', 'debug', 'info', 'warn', 'error', 'fatal']],
    ['info', ['info', 'warn', 'error', 'fatal']],
    ['error', ['error', 'fatal']],
    ['silent', []],
  ])('of level %s writes %j', (level, written) => {
    const { log, entries } = arrange(level);

    for (const name of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log[name]('line');

    expect(entries().map((entry) => entry['level'])).toEqual(written);
  });

  it('writes to stdout unless told otherwise', () => {
    expect(createLogger({ level: 'silent' }).level).toBe('silent');
  });
});
