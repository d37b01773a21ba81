/** What Everhook needs of its namespace beyond existing, healed at every start of a process. */
import type { ConnectionLike } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import type { Logger } from '../telemetry/logger';
import { searchAttributeNames } from './search-attributes';

/** gRPC statuses of a server that has no such call, or keeps it from us. */
const notOurs = new Set([7, 12]);

/**
 * Registers the missing search attributes where the server allows it. Where it does not, somebody may
 * have registered them by hand, so starts find out by themselves.
 *
 * @throws the client's error when the server does not answer
 */
export async function ensureSearchAttributes(
  connection: ConnectionLike & { operatorService: OperatorService },
  namespace: string,
  log: Logger,
): Promise<void> {
  try {
    const missing = await missingAttributes(connection.operatorService, namespace);
    if (missing.length === 0) return;
    const keyword = temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
    });
  } catch (error) {
    if (!isNotOurs(error)) throw error;
    log.warn({ event: 'temporal.search_attributes_unmanaged', command: searchAttributeCommand(namespace) });
  }
}

/** What an operator runs where this process may not. */
export function searchAttributeCommand(namespace: string): string {
  const flags = searchAttributeNames.map((name) => `--name ${name} --type Keyword`).join(' ');
  return `temporal operator search-attribute create --namespace ${namespace} ${flags}`;
}

/** A server that cannot list them may still be able to add them. */
async function missingAttributes(service: OperatorService, namespace: string): Promise<readonly string[]> {
  try {
    const { customAttributes } = await service.listSearchAttributes({ namespace });
    return searchAttributeNames.filter((name) => !(name in (customAttributes ?? {})));
  } catch (error) {
    if (isNotOurs(error)) return searchAttributeNames;
    throw error;
  }
}

function isNotOurs(error: unknown): boolean {
  return notOurs.has((error as { code?: number }).code ?? -1);
}

interface OperatorService {
  listSearchAttributes(request: { namespace: string }): Promise<{ customAttributes?: object | null }>;
  addSearchAttributes(request: {
    namespace: string;
    searchAttributes: Record<string, temporal.api.enums.v1.IndexedValueType>;
  }): Promise<unknown>;
}
