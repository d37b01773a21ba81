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
        message: 'on top',
        stack: expect.stringContaining('logger.test.ts') as string,
        cause: { type: 'Error', message: 'underneath' },
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

  const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

  class Receiver {
    readonly token = 'hunter2';
    readonly note = `key ${secret}`;
  }

  class Account {
    toJSON() {
      return { id: 7, password: 'hunter2', note: `key ${secret}` };
    }
  }

  it.each([
    ['an error in any field', { error: new Error(`refused ${secret}`) }, 'refused ***REDACTED***'],
    ['an error deep below', { a: { b: [new Error(`refused ${secret}`)] } }, 'refused ***REDACTED***'],
    [
      'the cause of an error',
      { err: new Error('top', { cause: new Error(`below ${secret}`) }) },
      'below ***REDACTED***',
    ],
    [
      'a cause that is no error',
      { err: new Error('top', { cause: { text: `below ${secret}` } }) },
      'below ***REDACTED***',
    ],
    ['errors of an error', { err: new AggregateError([new Error(`one ${secret}`)], 'all') }, 'one ***REDACTED***'],
    [
      'texts in fields of an error',
      { err: Object.assign(new Error('x'), { detail: `key ${secret}` }) },
      'key ***REDACTED***',
    ],
    ['texts in fields', { note: `key ${secret}`, notes: [`key ${secret}`] }, 'key ***REDACTED***'],
    ['what is like an error', { err: { message: `refused ${secret}` } }, 'refused ***REDACTED***'],
    ['instances of classes', { receiver: new Receiver() }, 'key ***REDACTED***'],
    ['what an object says of itself', { account: new Account() }, 'key ***REDACTED***'],
  ])('masks %s', (_what, fact, shown) => {
    const { log, lines } = arrange();

    log.error(fact);

    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(shown);
    expect(lines[0]).not.toContain(secret);
    expect(lines[0]).not.toContain('hunter2');
  });

  it('masks its message and what is put into it', () => {
    const { log, entries } = arrange();

    log.info(`started with ${secret}`);
    log.info({ id: 7 }, 'url %s, password=%s, %j', 'postgresql://u:hunter2@db/x', 'hunter2', { token: 'hunter2' });
    log.error(new Error(`failed with ${secret}`));

    expect(entries().map(({ msg }) => msg)).toEqual([
      'started with ***REDACTED***',
      'url postgresql://u:***REDACTED***@db/x, password=***REDACTED***, {"token":"***REDACTED***"}',
      'failed with ***REDACTED***',
    ]);
    expect(JSON.stringify(entries())).not.toContain(secret);
  });

  it('masks an error that was given to a child of the logger', () => {
    const { log, lines } = arrange();

    log.child({ err: new Error(`refused ${secret}`) }).info('line');

    expect(lines[0]).toContain('refused ***REDACTED***');
    expect(lines[0]).not.toContain(secret);
  });

  it('shows bytes by their number', () => {
    const { log, entries } = arrange();

    log.info({ body: Buffer.from('hunter2'), digest: new Uint8Array(32) });

    expect(entries()[0]).toMatchObject({ body: '[7 bytes]', digest: '[32 bytes]' });
  });

  it('survives what contains itself and what is very deep', () => {
    const { log, entries } = arrange();
    const circular: Record<string, unknown> = { token: 'hunter2' };
    circular['self'] = circular;
    const error = new Error('top');
    error.cause = error;

    log.info({ circular, err: error, at: new Date(0) });

    expect(entries()[0]).toMatchObject({ err: { message: 'top' }, at: '1970-01-01T00:00:00.000Z' });
    expect(JSON.stringify(entries())).not.toContain('hunter2');
  });

  it('cannot steer the terminal that it is read on', () => {
    const { log, lines, entries } = arrange();
    const steering = '\u009b2J\u007f \u202eevil\u2066 \u2028 \u0085 \u001b[31m';

    log.info({ note: steering, [steering]: 1 }, steering);

    expect(lines[0]).toMatch(/^[\x20-\x7e]*\n$/);
    expect(entries()[0]).toMatchObject({ note: steering, [steering]: 1, msg: steering });
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
