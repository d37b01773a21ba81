import type { ConnectionLike } from '@temporalio/client';
import { ensureSearchAttributes } from '../../../src/temporal/namespace';
import { searchAttributeNames } from '../../../src/temporal/search-attributes';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';

const permissionDenied = 7;
const unimplemented = 12;
const unavailable = 14;

function status(code: number): Error {
  return Object.assign(new Error(`gRPC ${code}`), { code });
}

/** A server that knows these attributes, or answers a call with an error. */
function arrange(server: { known?: readonly string[]; listFails?: Error; addFails?: Error }) {
  const added: string[][] = [];
  const memory = createMemoryTelemetry();
  const connection = {
    operatorService: {
      listSearchAttributes: () =>
        server.listFails
          ? Promise.reject(server.listFails)
          : Promise.resolve({ customAttributes: Object.fromEntries((server.known ?? []).map((name) => [name, 2])) }),
      addSearchAttributes: ({ searchAttributes }: { searchAttributes: object }) => {
        added.push(Object.keys(searchAttributes));
        return server.addFails ? Promise.reject(server.addFails) : Promise.resolve({});
      },
    },
  } as unknown as ConnectionLike & Parameters<typeof ensureSearchAttributes>[0];
  const ensure = () => ensureSearchAttributes(connection, 'everhook', memory.telemetry.log);
  return { ensure, added, entries: memory.entries };
}

describe('the search attributes of a namespace', () => {
  it('are registered as far as they are missing', async () => {
    const { ensure, added, entries } = arrange({ known: searchAttributeNames.slice(0, 2) });

    await ensure();

    expect(added).toEqual([searchAttributeNames.slice(2)]);
    expect(entries()).toEqual([]);
  });

  it('are left alone when all are there', async () => {
    const { ensure, added } = arrange({ known: searchAttributeNames });

    await ensure();

    expect(added).toEqual([]);
  });

  it.each([permissionDenied, unimplemented])('are all registered when listing answers %i', async (code) => {
    const { ensure, added } = arrange({ listFails: status(code) });

    await ensure();

    expect(added).toEqual([[...searchAttributeNames]]);
  });

  it.each([permissionDenied, unimplemented])('are left to the operator when adding answers %i', async (code) => {
    const { ensure, entries } = arrange({ addFails: status(code) });

    await ensure();

    const command = expect.stringMatching(
      /^temporal operator search-attribute create --namespace everhook .*--name TenantId --type Keyword/,
    );
    expect(entries()).toMatchObject([{ level: 'warn', event: 'temporal.search_attributes_unmanaged', command }]);
  });

  it.each([
    ['listing', { listFails: status(unavailable) }],
    ['adding', { addFails: status(unavailable) }],
  ])('are an error when the server does not answer %s', async (_call, server) => {
    const { ensure, entries } = arrange(server);

    await expect(ensure()).rejects.toMatchObject({ code: unavailable });
    expect(entries()).toEqual([]);
  });
});
