import { entrance, speakAs } from '../keys/agent-keys.ts'
import { projectOf } from '../projects/projects.ts'
import { type Run, toRun } from '../runs/run-rows.ts'
import { prepared } from '../store/prepared.ts'
import type { TaskRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { type Tx, transact } from '../store/transaction.ts'
import { type BoardTask, type TaskQuery, withBelongings } from '../tasks/task-rows.ts'
import { claim, claimAgain, look, type QueueScope, type Taken, takeNext } from './claims.ts'
import { LeaseWatch, lookEveryMs } from './lease-watch.ts'
import { expire, type Lease, leaseOf, readLeases } from './leases.ts'
import type { Claimer } from './workers.ts'

export interface LeaseOptions {
  /** How long a claim holds, in milliseconds, unless it is renewed. */
  leaseMs: number
  /** How often a run may be lost by its holders; then it is FAILED and its task parked. */
  maxExpiries: number
  /** Milliseconds on a clock that nobody sets. */
  now?: () => number
  /** How many bytes a customer may store; left out or null: any number. */
  quota?: number | null
}

/** What a claim gives. */
export interface Claimed {
  task: BoardTask
  run: Run
  lease: Lease
}

interface Asker {
  customer: string | null
  workerKey?: string | null
}

/** The queue as runners elsewhere see it: a task that they take is theirs for the time of a lease. */
export function queueOn(store: Store, { leaseMs, maxExpiries, now, quota = null }: LeaseOptions) {
  const watch = new LeaseWatch(leaseMs, now)

  return {
    /**
     * Releases every run whose lease is over, each in its own transaction, and returns how many. Call it every `sweepEveryMs`: only
     * constant looks can tell a silent holder from a clock that was set.
     */
    async sweep(): Promise<number> {
      const over = await watch.look(() => store.read(db => readLeases(db, store.differs)))
      let count = 0
      for (const lease of over) if (await transact(store, tx => expire(tx, lease, maxExpiries))) count++
      return count
    },
    sweepEveryMs: lookEveryMs(leaseMs),
    /** Nobody could reach us until now, so every holder gets the time of a lease to be heard of again. */
    listenAgain: () => watch.forget(),

    /** The next task that this agent could take, or null. Takes nothing. Throws NOT_FOUND for the project. */
    async look({ customer }: Asker, claimer: Claimer, where: { projectId?: string } = {}): Promise<BoardTask | null> {
      return store.read(async db => {
        if (where.projectId !== undefined) await projectOf(db, customer, where.projectId)
        return look(db, scopeOf(customer, where), claimer)
      })
    },

    /**
     * Takes the next task, or returns the one that this agent holds already; null when there is none. `runId` is for a task without a
     * waiting run.
     */
    async next(asker: Asker, claimer: Claimer, where: { projectId?: string; runId?: string } = {}): Promise<Claimed | null> {
      const { customer } = asker
      return transact(
        store,
        async tx => {
          if (where.projectId !== undefined) await projectOf(tx.db, customer, where.projectId)
          const held = await heldBy(tx, customer, claimer)
          if (held) {
            await speakAs(tx.db, asker, claimer.id)
            return shown(tx, await claimAgain(tx, claimer, held, held.run_id!, leaseMs))
          }
          const enter = await entrance(tx, asker, claimer.id)
          return entered(tx, enter, await takeNext(tx, scopeOf(customer, where), claimer, where.runId, leaseMs))
        },
        quota,
      )
    },

    /** Takes this task; null when it is not to be had. What this agent holds already stays its own. */
    async claim(asker: Asker, claimer: Claimer, taskId: string, runId: string): Promise<Claimed | null> {
      return transact(
        store,
        async tx => {
          const enter = await entrance(tx, asker, claimer.id)
          return entered(tx, enter, await claim(tx, asker.customer, claimer, taskId, runId, leaseMs))
        },
        quota,
      )
    },
  }
}

/** A caller that has taken something counts as the agent; one that has not leaves no trace. */
async function entered(tx: Tx, enter: () => Promise<void>, taken: Taken | null): Promise<Claimed | null> {
  if (!taken) return null
  await enter()
  return shown(tx, taken)
}

function scopeOf(customer: string | null, { projectId }: { projectId?: string }): QueueScope {
  return projectId === undefined ? { customer: customer ?? '' } : { projectId }
}

async function heldBy(tx: Tx, customer: string | null, { id, machine }: Claimer): Promise<TaskRow | undefined> {
  const who = { customer: customer ?? '', agent: id }
  return (machine === undefined ? await held(tx, who) : await heldHere(tx, { ...who, machine }))[0]
}

interface Holds {
  customer: string
  agent: string
}

const holding = ({ db, differs }: Tx, { customer, agent }: Holds, narrowed: (tasks: TaskQuery) => TaskQuery = all => all) =>
  differs.held(
    narrowed(db.selectFrom('tasks').where('locked_by', '=', agent).where('customer', '=', customer))
      .selectAll()
      .orderBy('seq')
      .limit(1),
  )

const held = prepared((tx: Tx, who: Holds) => holding(tx, who))

/** What another machine under the same agent id holds is not this one's. */
const heldHere = prepared((tx: Tx, who: Holds & { machine: string }) =>
  holding(tx, who, tasks =>
    tasks.where(eb => {
      const run = eb.selectFrom('runs').select('runs.seq').whereRef('runs.id', '=', 'tasks.run_id')
      return eb.not(eb.exists(run.where('machine', '!=', who.machine).where('lease_until', 'is not', null)))
    }),
  ),
)

async function shown(tx: Tx, taken: Taken | null): Promise<Claimed | null> {
  if (!taken) return null
  const [task] = await withBelongings(tx.db, [taken.task], [taken.run])
  return { task: task!, run: toRun(taken.run), lease: leaseOf(taken.run) }
}
