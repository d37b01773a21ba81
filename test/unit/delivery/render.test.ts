import { renderBody } from '../../../src/delivery/render';

const input = {
  deliveryId: '01JB4M8Z5E3V0000000000000D',
  eventType: 'order.created',
  timestamp: '2026-01-02T03:04:05.678Z',
  eventId: 'order-1',
  webhookId: '01JB4M8Z5E3V0000000000000W',
};

describe('a rendered body', () => {
  it('holds the payload byte for byte, whatever JSON.parse would make of it', () => {
    const payloadText = String.raw`{"n":12345678901234567890,"a":1,"a":2,"s":"\u0000"}`;

    const body = renderBody({ ...input, payloadText });

    expect(body).toBe(
      '{"id":"01JB4M8Z5E3V0000000000000D","type":"order.created","timestamp":"2026-01-02T03:04:05.678Z",' +
        `"event_id":"order-1","webhook_id":"01JB4M8Z5E3V0000000000000W","data":${payloadText}}`,
    );
  });

  it.each(['null', '0', '-0.0', '1e400', '"text"', '[]', '{ "spaced" : [ 1 , 2 ] }', '{"lone":"\\ud800"}'])(
    'takes any JSON as payload: %s',
    (payloadText) => {
      const body = renderBody({ ...input, payloadText });

      expect(body.endsWith(`,"data":${payloadText}}`)).toBe(true);
      expect(() => JSON.parse(body) as unknown).not.toThrow();
    },
  );

  it('escapes what the other fields may hold', () => {
    const body = renderBody({ ...input, eventId: 'a"b\\c\n\u2028', payloadText: '{}' });

    expect(JSON.parse(body)).toMatchObject({ event_id: 'a"b\\c\n\u2028', data: {} });
  });
});
