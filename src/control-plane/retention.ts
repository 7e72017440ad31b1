import type { RunRow } from './schema.ts'
import type { Store } from './store.ts'
import { type Tx, transact } from './transaction.ts'

/** How long timelines of runs that are over are kept, in days from their end; left out or null: for ever. */
export interface Ages {
  /** The whole timeline, with the run's artifacts. The run itself stays. */
  eventDays?: number | null
  /** What only tells of the work: log lines, thoughts, single tools. */
  logDays?: number | null
}

const DAY_MS = 86_400_000
/** Runs per transaction, so that nobody waits long for its end. */
const AT_ONCE = 50
/** What only tells of the work, and not what became of the run. */
const LOG_TYPES = ['LOG', 'AGENT_THINKING', 'EXECUTING', 'TOOL_USED', 'STEP_COMPLETED', 'PLAN_GENERATED']
/** An `Idempotency-Key` is remembered for a day. */
const KEY_DAYS = 1

const NOTHING_GONE = 0
const LOG_GONE = 1
const ALL_GONE = 2

/** Deletes what is older, in small transactions, and answers how many events that were. Doing it twice, or by several servers at once, is no harm. */
export async function retain(store: Store, { eventDays, logDays }: Ages, now = Date.now()): Promise<number> {
  const before = (days: number) => new Date(now - days * DAY_MS).toISOString()
  let gone = 0
  for (const [days, from, to] of [
    [eventDays, [NOTHING_GONE, LOG_GONE], ALL_GONE],
    [logDays, [NOTHING_GONE], LOG_GONE],
  ] as const) {
    if (days === null || days === undefined) continue
    for (let runs = AT_ONCE; runs === AT_ONCE; ) {
      const done = await transact(store, tx => prune(tx, before(days), from, to))
      runs = done.runs
      gone += done.events
    }
  }
  await transact(store, tx => tx.db.deleteFrom('idempotency').where('created_at', '<', before(KEY_DAYS)).execute())
  return gone
}

async function prune(tx: Tx, before: string, from: readonly number[], to: number): Promise<{ runs: number; events: number }> {
  const query = tx.db
    .selectFrom('runs')
    .select('seq')
    .where('pruned', 'in', from)
    .where('finished_at', '<', before)
    .orderBy('pruned')
    .orderBy('finished_at')
    .limit(AT_ONCE)
  const runs = (await tx.differs.skippingHeld(query, 'runs').execute()).map((run: Pick<RunRow, 'seq'>) => run.seq)
  if (runs.length === 0) return { runs: 0, events: 0 }
  await tx.db.insertInto('retention_pass').values({ id: 1 }).execute()
  let events = tx.db.deleteFrom('run_events').where('run', 'in', runs)
  if (to === LOG_GONE) events = events.where('type', 'in', LOG_TYPES)
  const { numDeletedRows } = await events.executeTakeFirstOrThrow()
  await tx.db.deleteFrom('retention_pass').execute()
  if (to === ALL_GONE) await tx.db.deleteFrom('run_artifacts').where('run', 'in', runs).execute()
  await tx.db.updateTable('runs').set({ pruned: to }).where('seq', 'in', runs).execute()
  return { runs: runs.length, events: Number(numDeletedRows) }
}
