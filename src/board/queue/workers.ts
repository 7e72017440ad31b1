import { type Kysely, sql } from 'kysely'
import { newWorkerId } from '../../core/ids.ts'
import type { AgentIdentity, Level } from '../../core/task.ts'
import { PAGE, type Page, type PageWish, readPage, weightOf } from '../store/paging.ts'
import { prepared } from '../store/prepared.ts'
import type { Schema, WorkerRow } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'

/** An agent that asks for work, with what it has that tasks may ask for. */
export interface Claimer extends AgentIdentity {
  labels?: readonly string[]
  host?: string
  /** The machine that it works on, by a name that stays the same; left out, it counts as the only one that bears the agent id. */
  machine?: string
}

/** A runner as it has registered itself. Times are ISO 8601 UTC. */
export interface Worker {
  id: string
  agentId: string
  role: string
  level: AgentIdentity['level']
  labels: string[]
  host: string
  customer: string
  /** The run that it holds; null when it is free. */
  currentRun: string | null
  registeredAt: string
  lastSeen: string
}

/** Registers the worker, or updates its data and the time when it was last seen. */
export async function touchWorker(tx: Tx, customer: string, { id, role, level, labels, host }: Claimer): Promise<void> {
  const said = { role, level, labels: labels ? JSON.stringify(labels) : null, host: host ?? null }
  await touched(tx, { id: newWorkerId(), customer, agent: id, at: tx.at, ...said })
}

/** Data that is left out stays as it is. */
const touched = prepared(
  (
    { db }: Pick<Tx, 'db'>,
    v: { id: string; customer: string; agent: string; at: string; role: string; level: Level; labels: string | null; host: string | null },
  ) =>
    db
      .insertInto('workers')
      .values({
        ...{ id: v.id, customer: v.customer, agent_id: v.agent, registered_at: v.at, last_seen: v.at, role: v.role, level: v.level },
        labels: sql`coalesce(${v.labels}, '[]')`,
        host: sql`coalesce(${v.host}, '')`,
      })
      .onConflict(conflict =>
        conflict.columns(['customer', 'agent_id']).doUpdateSet({
          ...{ role: v.role, level: v.level, last_seen: v.at },
          labels: sql`coalesce(${v.labels}, workers.labels)`,
          host: sql`coalesce(${v.host}, workers.host)`,
        }),
      ),
)

/** The worker of this agent. */
export async function workerNamed(db: Kysely<Schema>, customer: string, agentId: string): Promise<Worker> {
  return toWorker(await workers(db).where('customer', '=', customer).where('agent_id', '=', agentId).executeTakeFirstOrThrow())
}

/** Every worker that was seen, the newest first; null for all customers. */
export async function listWorkers(db: Kysely<Schema>, customer: string | null, wish: PageWish): Promise<Page<Worker>> {
  const { limit = PAGE, before = null } = wish
  let query = db.selectFrom('workers')
  if (customer !== null) query = query.where('customer', '=', customer)
  if (before !== null) query = query.where('seq', '<', before)
  const weight = weightOf(['labels', 'host'])
  return readPage(query, { limit, weight, show: toWorker }, (from, count) =>
    query.selectAll().select(currentRun).where('seq', '>=', from).orderBy('seq', 'desc').limit(count),
  )
}

function workers(db: Kysely<Schema>) {
  return db.selectFrom('workers').selectAll().select(currentRun)
}

const currentRun = sql<
  string | null
>`(select run_id from tasks where tasks.locked_by = workers.agent_id and tasks.customer = workers.customer limit 1)`.as('current_run')

function toWorker(row: WorkerRow & { current_run: string | null }): Worker {
  return {
    id: row.id,
    agentId: row.agent_id,
    role: row.role,
    level: row.level,
    labels: JSON.parse(row.labels),
    host: row.host,
    customer: row.customer,
    currentRun: row.current_run,
    registeredAt: row.registered_at,
    lastSeen: row.last_seen,
  }
}
