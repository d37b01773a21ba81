/** The accounting of the fault suite has to find what it is there to find. */
import { account, type Published, type Told } from '../../chaos/ledger';
import type { Arrival } from '../../chaos/receiver';

const published = (changes: Partial<Published> = {}): Published => ({
  eventId: 'e1',
  payloadHash: 'hash',
  lane: 'direct',
  at: 0,
  expected: 'delivered',
  outcome: 'accepted',
  deliveryIds: ['d1'],
  ...changes,
});

const arrival = (changes: Partial<Arrival> = {}): Arrival => ({
  deliveryId: 'd1',
  webhookId: 'w1',
  eventId: 'e1',
  attempt: 1,
  signed: true,
  payloadHash: 'hash',
  status: 204,
  at: 0,
  ...changes,
});

const told = (changes: Partial<Told> = {}): Told => ({
  id: 'd1',
  event_id: 'e1',
  status: 'SUCCESS',
  attempts: 1,
  ...changes,
});

const nothing = { accepted: 1, refused: 0, unknown: 0, lost: 0, corrupt: 0, phantom: 0, stuck: 0, duplicates: 0 };

it('finds nothing where all is well', () => {
  expect(account([published()], [arrival()], [told()])).toEqual({ ...nothing, disagreements: 0 });
});

it.each<[string, Partial<ReturnType<typeof account>>, Published[], Arrival[], Told[]]>([
  ['lost, if it never arrived', { lost: 1, disagreements: 1 }, [published()], [], [told()]],
  [
    'lost, if it was never answered with success',
    { lost: 1 },
    [published()],
    [arrival({ status: 500 })],
    [told({ status: 'DEAD_LETTER' })],
  ],
  ['lost, if one of its deliveries is', { lost: 1 }, [published({ deliveryIds: ['d1', 'd2'] })], [arrival()], [told()]],
  ['stuck', { stuck: 1, disagreements: 1 }, [published()], [arrival()], [told({ status: 'IN_PROGRESS' })]],
  ['corrupt, if its payload is another', { corrupt: 1 }, [published()], [arrival({ payloadHash: 'x' })], [told()]],
  ['corrupt, if its signature is wrong', { corrupt: 1 }, [published()], [arrival({ signed: false })], [told()]],
  [
    'phantom, if nobody published it',
    { phantom: 1 },
    [published()],
    [arrival(), arrival({ deliveryId: 'd9', eventId: 'e9' })],
    [told()],
  ],
  ['duplicate, if it comes after a success', { duplicates: 1 }, [published()], [arrival(), arrival()], [told()]],
  [
    'no duplicate, if it comes after a failure',
    { duplicates: 0 },
    [published()],
    [arrival({ status: 500 }), arrival({ attempt: 2 })],
    [told({ attempts: 2 })],
  ],
  [
    'not lost, if its receiver never takes anything',
    { lost: 0 },
    [published({ expected: 'dead' })],
    [arrival({ status: 410 })],
    [told({ status: 'DEAD_LETTER' })],
  ],
  ['not lost, if it was refused', { refused: 1, accepted: 0 }, [published({ outcome: 'refused' })], [], []],
])('what is %s', (_what, expected, events, arrivals, deliveries) => {
  expect(account(events, arrivals, deliveries)).toMatchObject({ ...nothing, ...expected });
});
