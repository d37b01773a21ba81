/** What rates would need, calculated from costs that were measured and from assumptions that are named. Pure. */

export interface LaneCosts {
  /** CPU milliseconds per delivery. */
  readonly everhook: number;
  /** Of Everhook's Postgres and Temporal's together. */
  readonly postgres: number;
  readonly temporal: number;
  readonly walBytes: number;
}

export interface Measured {
  readonly direct: LaneCosts;
  readonly workflow: LaneCosts;
  /** CPU milliseconds, over all parts, that a delivery costs more when its first attempt fails. */
  readonly failing: number;
  /** Of an event of 1 KiB with its delivery and one attempt, indexes included. */
  readonly diskBytes: number;
}

export const assumptions = {
  /** Of the cores, so that peaks and the loss of a machine can be borne. */
  utilisation: 0.6,
  /** Deliveries whose first attempt fails, in the direct lane. */
  failing: 0.01,
  /** Of a workflow on its shard: start, first task, timer or close, visibility. */
  shardTransactions: 4,
  shardTransactionMs: 3,
  /** Of a shard's time. */
  shardUtilisation: 0.4,
  /** What one primary is trusted with, in cores. */
  primaryCores: 16,
  historyCores: 4,
} as const;

export const rates = [1_000, 10_000, 100_000] as const;

export function planTable({ direct, workflow, failing, diskBytes }: Measured): string[] {
  const cores = (rate: number, ms: number): number => (rate * ms) / 1000 / assumptions.utilisation;
  const failingShare = failing * assumptions.failing;
  // What a failure costs more is spread over the parts as the workflow lane spreads it.
  const sum = workflow.everhook + workflow.postgres + workflow.temporal;
  const shareOf = (ms: number): number => (failingShare * ms) / sum;
  const lanes = {
    direct: {
      everhook: direct.everhook + shareOf(workflow.everhook),
      postgres: direct.postgres + shareOf(workflow.postgres),
      temporal: shareOf(workflow.temporal),
      walBytes: direct.walBytes + assumptions.failing * workflow.walBytes,
      workflows: assumptions.failing,
    },
    workflow: { ...workflow, workflows: 1 },
  };
  const lines = Object.entries(lanes).flatMap(([lane, of]) =>
    rates.map((rate) => {
      const postgres = cores(rate, of.postgres);
      const temporal = cores(rate, of.temporal);
      return row([
        lane,
        rate.toLocaleString('en'),
        upTo(cores(rate, of.everhook)),
        upTo(postgres),
        upTo(postgres / assumptions.primaryCores),
        ((rate * of.walBytes) / 1_048_576).toFixed(0),
        ((rate * 86_400 * diskBytes) / 1024 ** 4).toFixed(1),
        upTo(temporal),
        upTo(temporal / assumptions.historyCores),
        shards(rate * of.workflows),
      ]);
    }),
  );
  return [
    row([
      'lane',
      'deliveries/s',
      'cores Everhook',
      'cores Postgres',
      'primaries',
      'WAL MiB/s',
      'disk TiB/day',
      'cores Temporal',
      'history nodes',
      'shards',
    ]),
    row(Array.from({ length: 10 }, () => '---')),
    ...lines,
  ];
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const upTo = (value: number): string => String(Math.max(1, Math.ceil(value)));

/** A power of two, because their number cannot be changed later and is chosen with room. */
function shards(workflowsPerSecond: number): string {
  const { shardTransactions, shardTransactionMs, shardUtilisation } = assumptions;
  const busyMs = workflowsPerSecond * shardTransactions * shardTransactionMs;
  return String(2 ** Math.max(2, Math.ceil(Math.log2(busyMs / 1000 / shardUtilisation))));
}
