import {
  eventTypeFilterPattern,
  eventTypePattern,
  isOperationalType,
  matchesEventType,
} from '../../../src/domain/event-type';

const notEvenFilters = [
  '',
  ' ',
  '.',
  'order.',
  '.order',
  'order..created',
  'order created',
  'order.created ',
  'order.created\n',
  'order-created',
  'order/created',
  'örder',
  'order.créé',
  '**',
  '*.created',
  'order.*.created',
  'order*',
  'order.cre*',
  'order.**',
  'order.*.',
  '.*',
];

describe('an event type', () => {
  it.each(['order', 'order.created', 'a.b.c.d.e', 'Order.CREATED', '_', '0', 'v2.user_signed_up', 'everhook.test'])(
    '%j is valid',
    (type) => {
      expect(type).toMatch(new RegExp(eventTypePattern));
    },
  );

  it.each([...notEvenFilters, '*', 'order.*'])('%j is not valid', (type) => {
    expect(type).not.toMatch(new RegExp(eventTypePattern));
  });

  it('is judged in time proportional to its length', () => {
    const hostile = `${'a.'.repeat(500_000)}!`;
    const start = performance.now();

    expect(hostile).not.toMatch(new RegExp(eventTypePattern));

    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('a filter of event types', () => {
  it.each([
    '*',
    'order',
    'order.created',
    'order.*',
    'order.line.*',
    'Order.*',
    'everhook.*',
    'everhook.webhook.paused',
  ])('%j is valid', (filter) => {
    expect(filter).toMatch(new RegExp(eventTypeFilterPattern));
  });

  it.each(notEvenFilters)('%j is not valid', (filter) => {
    expect(filter).not.toMatch(new RegExp(eventTypeFilterPattern));
  });
});

describe('a webhook with filters', () => {
  it.each([
    // A type itself, without regard to case.
    [['order.created'], 'order.created'],
    [['order.created'], 'Order.Created'],
    [['ORDER.CREATED'], 'order.created'],
    // One or more further segments.
    [['order.*'], 'order.created'],
    [['order.*'], 'order.line.added'],
    [['Order.*'], 'ORDER.created'],
    [['order.line.*'], 'order.line.added'],
    // Everything that producers publish.
    [['*'], 'order'],
    [['*'], 'order.created'],
    [['*'], 'everhook'],
    [['*'], 'everhooks.created'],
    // Any one of several is enough.
    [['invoice.*', 'order.created'], 'order.created'],
    [['order.created', '*'], 'invoice.paid'],
    // Everhook's own types are named explicitly.
    [['everhook.*'], 'everhook.webhook.paused'],
    [['EVERHOOK.*'], 'everhook.test'],
    [['everhook.webhook.*'], 'everhook.webhook.paused'],
    [['everhook.test'], 'everhook.test'],
    [['*', 'everhook.*'], 'everhook.test'],
  ])('%j gets %s', (filters, type) => {
    expect(matchesEventType(filters, type)).toBe(true);
  });

  it.each([
    [[], 'order.created'],
    [['order.created'], 'order'],
    [['order.created'], 'order.created.twice'],
    [['order'], 'order.created'],
    [['order.*'], 'order'],
    [['order.*'], 'orders.created'],
    [['order.*'], 'my.order.created'],
    [['order.line.*'], 'order.line'],
    [['order.line.*'], 'order.created'],
    [['orderxcreated'], 'order.created'],
    [['*'], 'everhook.test'],
    [['*'], 'EverHook.Test'],
    [['order.*', '*'], 'everhook.delivery.dead_lettered'],
    [['everhook.webhook.*'], 'everhook.test'],
    [['everhook.*'], 'everhook'],
  ])('%j does not get %s', (filters, type) => {
    expect(matchesEventType(filters, type)).toBe(false);
  });
});

describe('an operational type', () => {
  it.each([
    ['everhook.test', true],
    ['EVERHOOK.webhook.paused', true],
    ['everhook', false],
    ['everhooks.test', false],
    ['my.everhook.test', false],
  ])('%s: %s', (type, operational) => {
    expect(isOperationalType(type)).toBe(operational);
  });
});
