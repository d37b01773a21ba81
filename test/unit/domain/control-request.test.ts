import { readReason, readReplayRequest } from '../../../src/domain/control-request';

const now = Date.parse('2026-06-01T00:00:00Z');
const since = '2026-05-01T00:00:00Z';

describe('a reason', () => {
  it.each([undefined, null, {}])('may be left out: %j', (request) => {
    expect(readReason(request)).toBeNull();
  });

  it('is text of at most 255 characters', () => {
    expect(readReason({ reason: 'x'.repeat(255) })).toHaveLength(255);
  });

  it.each([
    ['a number', { reason: 5 }, 'reason must be text'],
    ['too long', { reason: 'x'.repeat(256) }, 'at most 255'],
    ['with what Postgres cannot store', { reason: 'a\0b' }, 'reason must be text'],
    ['under another name', { why: 'x' }, 'There is no field why; there are reason.'],
    ['bare text', 'maintenance', 'Send one JSON object with reason.'],
    ['a list', ['maintenance'], 'Send one JSON object'],
  ])('%s is refused', (_name, request, message) => {
    expect(() => readReason(request)).toThrow(message);
  });
});

describe('a request to replay', () => {
  it('needs only since', () => {
    expect(readReplayRequest({ since }, now)).toEqual({ since: '2026-05-01T00:00:00.000Z' });
  });

  it('keeps all that it says, with times in UTC', () => {
    const request = {
      since: '2026-05-01T02:00:00+02:00',
      until: '2026-05-02T00:00Z',
      status: 'CANCELLED',
      event_types: ['order.*', '*'],
      limit: 5,
    };

    expect(readReplayRequest(request, now)).toEqual({
      ...request,
      since: '2026-05-01T00:00:00.000Z',
      until: '2026-05-02T00:00:00.000Z',
    });
  });

  it.each([
    ['nothing', undefined, 'Send one JSON object with since, until'],
    ['no since', { limit: 1 }, 'since is required'],
    ['a day alone', { since: '2026-05-01' }, 'since must be a date and time'],
    ['no such day', { since: '2026-13-01T00:00:00Z' }, 'since must be a date and time'],
    ['a number as time', { since: 1 }, 'since must be a date and time'],
    ['the future', { since: '2026-06-01T00:00:01Z' }, 'since lies in the future'],
    ['until before since', { since, until: '2026-04-01T00:00:00Z' }, 'until must be later'],
    ['a status that is not an end', { since, status: 'PAUSED' }, 'SUCCESS, DEAD_LETTER, CANCELLED'],
    ['one type not in a list', { since, event_types: 'order.created' }, 'event_types must be a list'],
    ['a type that is none', { since, event_types: ['order created'] }, 'event_types must be a list'],
    ['a broken limit', { since, limit: 1.5 }, 'limit must be a whole number'],
    ['no limit', { since, limit: 0 }, 'from 1 to 100000'],
    ['an unknown field', { since, Until: since }, 'There is no field Until'],
  ])('%s is refused', (_name, request, message) => {
    expect(() => readReplayRequest(request, now)).toThrow(message);
  });
});
