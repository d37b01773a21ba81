/** The tables as the migrations make them, read from the catalogue of a database, in Markdown. */
import type { Client } from 'pg';

/** What no catalogue says. */
const purposes: Readonly<Record<string, string>> = {
  tenants: 'Who uses Everhook: the owner of all else.',
  quotas: 'What a tenant may have and do.',
  data_keys: "Each tenant's keys for secrets and headers, wrapped by the KMS.",
  audit_logs: 'Who changed what, and when.',
  api_keys: 'Keys for the API, as hashes.',
  webhook_configs: 'Where events go, and how: URL, types of events, policy, state.',
  events: 'What was accepted, with the exact text of its payload.',
  deliveries: 'One for each event and webhook: where it stands.',
  delivery_attempts: 'Every POST and what came of it; a partition for each day, removed by age.',
  replays: 'Replays of many deliveries, worked off page by page.',
  in_flight_leases: 'How many POSTs each process may have in flight.',
  rate_leases: "Each process's part of a tenant's rate of events.",
};

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default: string | null;
  readonly key: boolean;
  readonly references: string | null;
}

interface Table {
  readonly name: string;
  readonly rowSecurity: boolean;
  readonly service: string | null;
  readonly worker: string | null;
}

/** @throws Error when a table has no purpose above, or the other way round */
export async function dataModel(client: Client): Promise<string> {
  const { rows: tables } = await client.query<Table>(tablesSql);
  const { rows: columns } = await client.query<Column>(columnsSql);
  const names = tables.map(({ name }) => name).toSorted();
  if (names.join() !== Object.keys(purposes).toSorted().join()) {
    throw new Error(`tables ${names.join()}, purposes of ${Object.keys(purposes).toSorted().join()}`);
  }
  const links = columns.filter(({ references }) => references !== null);
  return [
    '```mermaid',
    'erDiagram',
    ...links.map(({ table, name, references }) => `  ${references} ||--o{ ${table} : ${name}`),
    '```',
    ...tables.flatMap((table) => section(table, columns)),
    '',
  ].join('\n');
}

function section({ name, rowSecurity, service, worker }: Table, columns: readonly Column[]): string[] {
  return [
    '',
    `## ${name}`,
    '',
    `${purposes[name]} ${rowSecurity ? 'A tenant sees its own rows (row-level security).' : 'No row-level security.'}`,
    '',
    `\`hook_svc\` may ${service ?? 'do nothing'}; \`hook_worker\` may ${worker ?? 'do nothing'}.`,
    '',
    '| column | type | |',
    '| --- | --- | --- |',
    ...columns
      .filter(({ table }) => table === name)
      .map((column) => `| \`${column.name}\` | ${column.type} | ${remarks(column)} |`),
  ];
}

function remarks(column: Column): string {
  return [
    column.key ? 'key' : '',
    column.required || column.key ? '' : 'may be null',
    column.references === null ? '' : `of ${column.references}`,
    column.default === null ? '' : `default \`${column.default}\``,
  ]
    .filter((remark) => remark !== '')
    .join(', ');
}

/** Of any column counts as of the table. */
const grantsOf = (role: string): string => `
  (SELECT string_agg(DISTINCT lower(privilege_type), ', ' ORDER BY lower(privilege_type)) FROM (
     SELECT privilege_type FROM information_schema.role_table_grants
     WHERE table_schema = 'hook' AND table_name = c.relname AND grantee = '${role}'
     UNION SELECT privilege_type FROM information_schema.role_column_grants
     WHERE table_schema = 'hook' AND table_name = c.relname AND grantee = '${role}') granted
   WHERE privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))`;

const isOurs = `c.relnamespace = 'hook'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT LIKE '\\_%'`;

const tablesSql = `
  SELECT c.relname AS name, c.relrowsecurity AS "rowSecurity",
         ${grantsOf('hook_svc')} AS service, ${grantsOf('hook_worker')} AS worker
  FROM pg_class c WHERE ${isOurs} ORDER BY c.relname`;

const columnsSql = `
  SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
         a.attnotnull AS required, pg_get_expr(d.adbin, d.adrelid) AS "default",
         EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p'
                 AND a.attnum = ANY(k.conkey)) AS key,
         (SELECT (SELECT relname FROM pg_class WHERE oid = f.confrelid) FROM pg_constraint f
          WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conkey[cardinality(f.conkey)] = a.attnum
            AND f.conparentid = 0 LIMIT 1) AS "references"
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE ${isOurs} ORDER BY c.relname, a.attnum`;
