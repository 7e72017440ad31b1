import { type Kysely, sql } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import { prepared } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import { ROW_BYTES } from '../store/stored-bytes.ts'
import type { Tx } from '../store/transaction.ts'

const counted = prepared(({ db }: { db: Kysely<Schema> }, { customer }: { customer: string }) =>
  db.selectFrom('storage').select('bytes').where('customer', '=', customer),
)

/** Whether a customer has stored as much as it may. What belongs to no customer is the operator's own, and has no quota. */
export async function isStorageFull(tx: Tx, customer: string): Promise<boolean> {
  if (tx.quota === null || customer === '') return false
  const [row] = await counted(tx, { customer })
  return (row?.bytes ?? 0) >= tx.quota
}

/** Throws STORAGE_FULL when a customer may store nothing more. For changes that can also be made later; the end of a run cannot. */
export async function needRoom(tx: Tx, customer: string): Promise<void> {
  if (!(await isStorageFull(tx, customer))) return
  throw new RunnerError('STORAGE_FULL', `the customer ${JSON.stringify(customer)} has stored as much as it may`)
}

/** How many bytes are stored, by customer; null for all that have stored something. */
export async function readStorage(db: Kysely<Schema>, customer: string | null): Promise<Record<string, number>> {
  let query = db.selectFrom('storage').select(['customer', 'bytes'])
  if (customer !== null) query = query.where('customer', '=', customer)
  return Object.fromEntries((await query.orderBy('customer').execute()).map(row => [row.customer, Number(row.bytes)]))
}

/** What these events count, by customer. */
export function bytesOfEvents(db: Kysely<Schema>, cursors: readonly number[]): Promise<{ customer: string; bytes: number }[]> {
  return db
    .selectFrom('run_events')
    .select(['customer', sql<number>`sum(octet_length(data) + ${sql.lit(ROW_BYTES)})`.as('bytes')])
    .where('cursor', 'in', cursors)
    .groupBy('customer')
    .execute()
}

/** What the files of these runs count, by customer. */
export function bytesOfArtifacts(db: Kysely<Schema>, runs: readonly number[]): Promise<{ customer: string; bytes: number }[]> {
  return db
    .selectFrom('run_artifacts')
    .innerJoin('runs', 'runs.seq', 'run_artifacts.run')
    .select(['runs.customer', sql<number>`sum(run_artifacts.size)`.as('bytes')])
    .where('run', 'in', runs)
    .groupBy('runs.customer')
    .execute()
}

/** What these tasks of one customer count with all that goes with them, but for events. */
export async function bytesOfTasks(db: Kysely<Schema>, ids: readonly string[]): Promise<number> {
  const tasks = sql.join(ids)
  const runs = sql`(select seq from runs where task_id in (${tasks}))`
  const { rows } = await sql<{ bytes: number }>`select
      coalesce((select sum(octet_length(title) + octet_length(description) + octet_length(criteria) + ${sql.lit(ROW_BYTES)}) from tasks where id in (${tasks})), 0)
      + coalesce((select sum(octet_length(label)) from task_labels where task_id in (${tasks})), 0)
      + coalesce((select sum(octet_length(note)) from task_history where task_id in (${tasks})), 0)
      + coalesce((select sum(octet_length(text)) from mentions where task_id in (${tasks})), 0)
      + coalesce((select sum(octet_length(name) + octet_length(goal) + octet_length(options) + octet_length(metadata) + coalesce(octet_length(steps), 0) + ${sql.lit(ROW_BYTES)})
          from runs where task_id in (${tasks})), 0)
      + coalesce((select sum(octet_length(text)) from run_wishes where run in ${runs}), 0)
      + coalesce((select sum(size) from run_artifacts where run in ${runs}), 0) as bytes`.execute(db)
  return Number(rows[0]!.bytes)
}
