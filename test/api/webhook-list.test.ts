import { TestSystem, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
/** Newest first, as the list has them. */
const ids: string[] = [];

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
  const kinds = [
    { event_types: ['order.*'] },
    { event_types: ['order.created', 'Invoice.paid'] },
    { event_types: ['*'] },
    { event_types: ['*'], is_active: false },
    { event_types: ['*'] },
  ];
  for (const kind of kinds) {
    ids.unshift((await system.createWebhook(tenant, { url: 'https://example.com/', ...kind })).id);
  }
  await system.database.query("UPDATE hook.webhook_configs SET state = 'paused' WHERE id = $1", [ids[0]]);
});

afterAll(() => system.stop());

const list = (query = '') => system.call('GET', `/v1/webhooks${query}`, { token: tenant.token });
const idsOf = async (query: string) => (await list(query)).body.data.map(({ id }: { id: string }) => id);

describe('GET /v1/webhooks: 200', () => {
  it('lists the newest first', async () => {
    const answer = await list();

    expect(answer.body.data.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(answer.body).toMatchObject({ error: null, pagination: { limit: 20, offset: 0, total: 5 } });
  });

  it.each<[string, (all: string[]) => string, number[]]>([
    ['by one id', (all) => `?ids[]=${all[1]}`, [1]],
    ['by several ids', (all) => `?ids[]=${all[1]}&ids[]=${all[3]}`, [1, 3]],
    ['by an id with escaped brackets', (all) => `?ids%5B%5D=${all[2]}`, [2]],
    ['by an id that is not there', () => '?ids[]=01ARZ3NDEKTSV4RRFFQ69G5FAV', []],
    ['by an event type', () => '?events[]=invoice.paid', [3]],
    ['by an event type in whatever case', () => '?events[]=INVOICE.Paid', [3]],
    ['by any of several event types', () => '?events[]=invoice.paid&events[]=order.*', [3, 4]],
    ['by what is active', () => '?is_active=true', [0, 2, 3, 4]],
    ['by what is not active', () => '?is_active=false', [1]],
    ['by state', () => '?state=paused', [0]],
    ['by state and activity that agree', () => '?state=active&is_active=true', [2, 3, 4]],
    ['by state and activity that contradict each other', () => '?state=active&is_active=false', []],
  ])('filters %s', async (_what, query, positions) => {
    expect(await idsOf(query(ids))).toEqual(positions.map((at) => ids[at]));
  });

  it('pages by offset and by page alike', async () => {
    expect(await idsOf('?limit=2')).toEqual(ids.slice(0, 2));
    expect(await idsOf('?limit=2&offset=2')).toEqual(ids.slice(2, 4));
    expect(await idsOf('?limit=2&page=2')).toEqual(ids.slice(2, 4));
    expect(await idsOf('?limit=2&page=3')).toEqual(ids.slice(4));
    expect((await list('?limit=2&page=3')).body.pagination).toEqual({ limit: 2, offset: 4, total: 5 });
  });

  it('answers an empty page beyond the end, with the total', async () => {
    const answer = await list('?offset=1000000');

    expect(answer.body).toMatchObject({ data: [], pagination: { total: 5 } });
  });

  it('answers without /v1 as well', async () => {
    const answer = await system.call('GET', '/webhooks', { token: tenant.token });

    expect(answer.body).toEqual((await list()).body);
  });
});

describe('GET /v1/webhooks: 400', () => {
  it.each([
    ['?limit=0', 'limit'],
    ['?limit=101', 'limit'],
    ['?limit=-1', 'limit'],
    ['?limit=ten', 'limit'],
    ['?limit=', 'limit'],
    ['?limit=1.5', 'limit'],
    ['?limit=1&limit=2', 'limit'],
    ['?offset=-1', 'offset'],
    ['?offset=1000001', 'offset'],
    ['?offset=1e999', 'offset'],
    ['?page=0', 'page'],
    ['?page=100001', 'page'],
    ['?page=2&offset=20', 'page'],
    ['?ids[]=abc', 'ids[].0'],
    ['?ids[]=', 'ids[].0'],
    ['?ids=01ARZ3NDEKTSV4RRFFQ69G5FAV', 'ids'],
    ['?events[]=a..b', 'events[].0'],
    ['?events[]=%00', 'events[].0'],
    ['?is_active=yes', 'is_active'],
    ['?state=deleted', 'state'],
    ['?state=%00', 'state'],
    ['?cursor=x', 'cursor'],
    ['?__proto__=x', '__proto__'],
    ['?constructor=x', 'constructor'],
    ['?toString=x', 'toString'],
    [`?${Array(101).fill('events[]=a').join('&')}`, 'events[]'],
  ])('refuses %.60s and names the parameter', async (query, field) => {
    expectRefusal(await list(query), 400, 'VALIDATION_ERROR', field);
  });
});
