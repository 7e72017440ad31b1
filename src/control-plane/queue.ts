import { claim, look, type QueueScope, takeNext } from './claims.ts'
import { expire, type Lease, leaseOf, overdue } from './leases.ts'
import { projectOf } from './projects.ts'
import { type Run, runNamed, toRun } from './run-rows.ts'
import type { Store } from './store.ts'
import { type BoardTask, taskOf } from './task-rows.ts'
import { type Tx, transact } from './transaction.ts'
import { type Claimer, touchWorker } from './workers.ts'

export interface LeaseOptions {
  /** How long a claim holds, in milliseconds, unless it is renewed. */
  leaseMs: number
  /** How often a run may be lost by its holders; then it is FAILED and its task parked. */
  maxExpiries: number
}

/** What a claim gives. */
export interface Claimed {
  task: BoardTask
  run: Run
  lease: Lease
}

interface Asker {
  customer: string | null
}

/** The queue as runners elsewhere see it: what they take is theirs for the time of a lease. */
export function queueOn(store: Store, { leaseMs, maxExpiries }: LeaseOptions) {
  /** Lets go of every run whose lease is over, each in its own transaction, and answers how many. */
  async function sweep(): Promise<number> {
    let count = 0
    for (
      let ids = await store.read(db => overdue(db, store.differs));
      ids.length > 0;
      ids = await store.read(db => overdue(db, store.differs))
    ) {
      const before = count
      for (const id of ids) if (await transact(store, tx => expire(tx, id, maxExpiries))) count++
      // The others were renewed, or let go of by somebody else.
      if (count === before) break
    }
    return count
  }

  return {
    sweep,

    /** The next task that this agent could take, or null. Takes nothing. Throws NOT_FOUND for the project. */
    async look({ customer }: Asker, claimer: Claimer, where: { projectId?: string } = {}): Promise<BoardTask | null> {
      await sweep()
      return store.read(async db => {
        if (where.projectId !== undefined) await projectOf(db, customer, where.projectId)
        return look(db, scopeOf(customer, where), claimer)
      })
    },

    /** Takes the next task, or answers what this agent holds already; null when there is none. `runId` is for a task without a waiting run. */
    async next({ customer }: Asker, claimer: Claimer, where: { projectId?: string; runId?: string } = {}): Promise<Claimed | null> {
      await sweep()
      return transact(store, async tx => {
        if (where.projectId !== undefined) await projectOf(tx.db, customer, where.projectId)
        const held = await heldBy(tx, customer, claimer.id)
        const id = held ?? (await takeNext(tx, scopeOf(customer, where), claimer, where.runId, leaseMs))
        if (held !== null) await touchWorker(tx, customer ?? '', claimer)
        return id === null ? null : claimed(tx, id)
      })
    },

    /** Takes this task; null when it is not to be had. What this agent holds already stays its own. */
    async claim({ customer }: Asker, claimer: Claimer, taskId: string, runId: string): Promise<Claimed | null> {
      await sweep()
      return transact(store, async tx =>
        (await claim(tx, customer, claimer, taskId, runId, leaseMs)) === 'ours' ? claimed(tx, taskId) : null,
      )
    },
  }
}

function scopeOf(customer: string | null, { projectId }: { projectId?: string }): QueueScope {
  return projectId === undefined ? { customer: customer ?? '' } : { projectId }
}

async function heldBy(tx: Tx, customer: string | null, agentId: string): Promise<string | null> {
  const held = await tx.db
    .selectFrom('tasks')
    .select('id')
    .where('locked_by', '=', agentId)
    .where('customer', '=', customer ?? '')
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
  return held?.id ?? null
}

async function claimed(tx: Tx, taskId: string): Promise<Claimed | null> {
  const task = await taskOf(tx.db, null, taskId)
  const run = task.runId === null ? undefined : await runNamed(tx.db, task.runId)
  return run ? { task, run: toRun(run), lease: leaseOf(run) } : null
}
