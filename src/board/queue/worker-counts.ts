import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'

/** A worker that was silent for this long may be gone. Milliseconds. */
const SEEN_MS = 120_000

/** How many workers there are, were seen in the last two minutes, and hold a run; null for all customers. */
export async function countWorkers(
  db: Kysely<Schema>,
  customer: string | null,
  now = Date.now(),
): Promise<{ workers: number; seen: number; busy: number }> {
  const since = new Date(now - SEEN_MS).toISOString()
  let workers = db
    .selectFrom('workers')
    .select(eb => [
      eb.fn.countAll<number>().as('workers'),
      eb.fn.count<number>(eb.case().when('last_seen', '>', since).then(1).end()).as('seen'),
    ])
  let busy = db.selectFrom('tasks').where('locked_by', 'is not', null)
  if (customer !== null) {
    workers = workers.where('customer', '=', customer)
    busy = busy.where('customer', '=', customer)
  }
  const counted = await workers.executeTakeFirstOrThrow()
  const held = await busy.select(eb => eb.fn.count<number>('locked_by').distinct().as('busy')).executeTakeFirstOrThrow()
  return { workers: Number(counted.workers), seen: Number(counted.seen), busy: Number(held.busy) }
}

/** How many of these agents hold a run. */
export async function countBusy(db: Kysely<Schema>, customer: string | null, agentIds: readonly string[]): Promise<number> {
  let held = db.selectFrom('tasks').where('locked_by', 'in', agentIds)
  if (customer !== null) held = held.where('customer', '=', customer)
  const { busy } = await held.select(eb => eb.fn.count<number>('locked_by').distinct().as('busy')).executeTakeFirstOrThrow()
  return Number(busy)
}
