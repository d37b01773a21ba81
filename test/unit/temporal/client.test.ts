/** What a start asks of Temporal and makes of its answer, on a client of plain objects. */
import { WorkflowExecutionAlreadyStartedError, type Client, type WorkflowStartOptions } from '@temporalio/client';
import { defaultPayloadConverter, WorkflowNotFoundError } from '@temporalio/common';
import { toDeliveryStart } from '../../../src/outbox/delivery-start';
import { isTerminated, isUnknownSearchAttribute, startDelivery } from '../../../src/temporal/client';
import { startHeaderName } from '../../../src/temporal/contracts';
import { claimedDelivery } from '../outbox/claimed-delivery';

const options = { taskQueue: 'everhook', eager: true, withSearchAttributes: true };

interface Server {
  eager?: boolean;
  /** Of the workflow that stands in the way of a start. */
  status?: string;
  /** That workflow's replay number; null when it was started by hand. */
  replayNo?: number | null;
  fails?: Error;
  describeFails?: Error;
}

function arrange(server: Server = {}) {
  const started: WorkflowStartOptions[] = [];
  const deadlines: number[] = [];
  const described: string[] = [];
  const fields =
    typeof server.replayNo === 'number'
      ? { [startHeaderName]: defaultPayloadConverter.toPayload(server.replayNo) }
      : {};
  const client = {
    options: { namespace: 'default' },
    workflowService: {
      getWorkflowExecutionHistory: () =>
        Promise.resolve({
          history: { events: [{ workflowExecutionStartedEventAttributes: { header: { fields } } }] },
        }),
    },
    withDeadline: (deadline: number, work: () => Promise<unknown>) => {
      deadlines.push(deadline);
      return work();
    },
    workflow: {
      start: (_type: string, given: WorkflowStartOptions) => {
        started.push(given);
        if (server.fails) return Promise.reject(server.fails);
        if (server.status === undefined) return Promise.resolve({ eagerlyStarted: server.eager ?? false });
        return Promise.reject(
          new WorkflowExecutionAlreadyStartedError('already started', given.workflowId, 'delivery'),
        );
      },
      getHandle: (id: string) => ({
        describe: () => {
          described.push(id);
          if (server.describeFails) return Promise.reject(server.describeFails);
          return Promise.resolve({ status: { name: server.status } });
        },
      }),
    },
  } as unknown as Client;
  return { client, started, deadlines, described };
}

describe('a start', () => {
  it.each([
    [true, 'eager'],
    [false, 'queued'],
  ])('that is taken, eagerly: %s, is %s', async (eager, expected) => {
    const { client } = arrange({ eager });

    expect(await startDelivery(client, toDeliveryStart(claimedDelivery()), options)).toBe(expected);
  });

  it.each([
    ['RUNNING', 'running'],
    ['TERMINATED', 'closed'],
    ['COMPLETED', 'finished'],
    ['FAILED', 'finished'],
    ['CANCELLED', 'closed'],
  ])('of a workflow that was started before and is %s, is %s', async (status, expected) => {
    const { client, described } = arrange({ status });
    const start = toDeliveryStart(claimedDelivery());

    const result = await startDelivery(client, start, options);

    expect(result).toBe(expected);
    expect(described).toEqual([`delivery:${start.input.delivery_id}`]);
  });

  it.each([
    ['RUNNING', 2, 'running'],
    ['RUNNING', 1, 'earlier'],
    ['RUNNING', null, 'earlier'],
    ['COMPLETED', 1, 'earlier'],
    ['FAILED', 2, 'earlier'],
  ])('of replay 2 that meets a run that is %s and of replay %s, is %s', async (status, replayNo, expected) => {
    const { client } = arrange({ status, replayNo });

    expect(await startDelivery(client, toDeliveryStart(claimedDelivery({ replayNo: 2 })), options)).toBe(expected);
  });

  it('that fails otherwise is an error', async () => {
    const { client, described } = arrange({ fails: new Error('Temporal is away') });

    await expect(startDelivery(client, toDeliveryStart(claimedDelivery()), options)).rejects.toThrow(
      'Temporal is away',
    );
    expect(described).toEqual([]);
  });

  it.each([
    { replayNo: 0, started: false, policy: 'REJECT_DUPLICATE' },
    { replayNo: 0, started: true, policy: 'REJECT_DUPLICATE' },
    { replayNo: 1, started: false, policy: 'ALLOW_DUPLICATE' },
    { replayNo: 1, started: true, policy: 'REJECT_DUPLICATE' },
  ])('of replay $replayNo, started before: $started, asks to $policy', async ({ policy, ...claim }) => {
    const { client, started } = arrange();

    await startDelivery(client, toDeliveryStart(claimedDelivery(claim)), options);

    expect(started[0]?.workflowIdReusePolicy).toBe(policy);
  });

  it('waits for a silent server no longer than five seconds', async () => {
    const { client, deadlines } = arrange();
    const before = Date.now();

    await startDelivery(client, toDeliveryStart(claimedDelivery()), options);

    expect(deadlines).toHaveLength(1);
    expect(deadlines[0]).toBeGreaterThanOrEqual(before + 5000);
    expect(deadlines[0]).toBeLessThanOrEqual(Date.now() + 5000);
  });

  it('keeps its summary within the 400 bytes that the server takes', async () => {
    const { client, started } = arrange();
    const delivery = claimedDelivery({ eventType: 'e'.repeat(255), url: `https://${'h'.repeat(60)}.example/s3cret` });

    await startDelivery(client, toDeliveryStart(delivery), options);

    const summary = String(started[0]?.staticSummary);
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(400);
    expect(summary).toMatch(/^e+/);
  });

  it('carries search attributes unless told otherwise', async () => {
    const { client, started } = arrange();
    const start = toDeliveryStart(claimedDelivery());

    await startDelivery(client, start, options);
    await startDelivery(client, start, { ...options, withSearchAttributes: false });

    expect(started.map(({ typedSearchAttributes }) => typedSearchAttributes !== undefined)).toEqual([true, false]);
  });
});

describe('the refusal of an unknown search attribute', () => {
  const grpc = (code: number, details?: string) => Object.assign(new Error('refused'), { code, details });

  it.each<[boolean, string, unknown]>([
    [true, 'by its details', grpc(3, 'Namespace default has no mapping defined for search attribute TenantId')],
    [true, 'by its message', Object.assign(new Error('search attribute TenantId is not defined'), { code: 3 })],
    [true, 'as a cause', new Error('Failed to start', { cause: grpc(3, 'unknown Search Attribute') })],
    [false, 'of another status', grpc(14, 'search attribute store unavailable')],
    [false, 'for another reason', grpc(3, 'workflow id is too long')],
    [false, 'without a status', new Error('search attribute')],
    [false, 'as no error at all', 'search attribute'],
  ])('is %s: %s', (expected, _how, error) => {
    expect(isUnknownSearchAttribute(error)).toBe(expected);
  });
});

describe('a workflow', () => {
  it.each([
    ['TERMINATED', true],
    ['RUNNING', false],
  ])('that is %s is terminated: %s', async (status, expected) => {
    expect(await isTerminated(arrange({ status }).client, 'd1')).toBe(expected);
  });

  it('that is not there any more is not terminated, so that those after it are looked at', async () => {
    const { client } = arrange({ describeFails: new WorkflowNotFoundError('not found', 'delivery:d1', undefined) });

    expect(await isTerminated(client, 'd1')).toBe(false);
  });
});
