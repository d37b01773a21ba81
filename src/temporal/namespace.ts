/** What Everhook needs of its namespace beyond existing, healed at every start of a worker. */
import type { ConnectionLike } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import type { Logger } from '../telemetry/logger';
import { searchAttributeNames } from './search-attributes';

/**
 * Registers the missing search attributes where the server allows it.
 *
 * @returns whether starts may use them
 */
export async function ensureSearchAttributes(
  connection: ConnectionLike & { operatorService: OperatorService },
  namespace: string,
  log: Logger,
): Promise<boolean> {
  try {
    const missing = await missingAttributes(connection.operatorService, namespace);
    if (missing.length > 0) {
      const keyword = temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
      });
    }
    return true;
  } catch (error) {
    const flags = searchAttributeNames.map((name) => `--name ${name} --type Keyword`).join(' ');
    log.warn(
      { event: 'temporal.search_attributes_missing', err: error },
      `Deliveries start without search attributes; register them: temporal operator search-attribute create --namespace ${namespace} ${flags}`,
    );
    return false;
  }
}

/** A server that cannot list them may still be able to add them. */
async function missingAttributes(service: OperatorService, namespace: string): Promise<readonly string[]> {
  try {
    const { customAttributes } = await service.listSearchAttributes({ namespace });
    return searchAttributeNames.filter((name) => !(name in (customAttributes ?? {})));
  } catch (error) {
    if ((error as { code?: unknown }).code === unimplemented) return searchAttributeNames;
    throw error;
  }
}

/** gRPC status. */
const unimplemented = 12;

interface OperatorService {
  listSearchAttributes(request: { namespace: string }): Promise<{ customAttributes?: object | null }>;
  addSearchAttributes(request: {
    namespace: string;
    searchAttributes: Record<string, temporal.api.enums.v1.IndexedValueType>;
  }): Promise<unknown>;
}
