import { setTimeout as delay } from 'node:timers/promises'
import { RunnerError } from '../../core/errors.ts'
import type { Holding } from '../../core/ports/tracker.ts'
import type { AgentIdentity, Task } from '../../core/task.ts'
import type { HeadlessPmTasks } from './headless-pm-tasks.ts'
import { foundStatus, standing, type WireTask } from './headless-pm-wire.ts'

const LEAST_SETTLING_MS = 20
const MOST_SETTLING_MS = 2_000

/** Which locks hold a task at the server, and which only look as if they did. */
export interface HeadlessPmClaims {
  /**
   * Takes a task: look, lock, let it settle, read back, mark under work, and read the holder once more from that answer. The server's
   * lock checks and then writes, so of two that lock at once both are told yes and the last write stays. Whoever checked before our write
   * has written soon after it, at the latest after about as long as a lock call takes: hence the wait of twice our own call before
   * reading back. `seenFree`: the task was free a moment ago, so the first look is left out.
   */
  claim(agent: AgentIdentity, task: Task, signal: AbortSignal, seenFree?: boolean): Promise<'ours' | 'taken'>
  /** The state of a listed task from the agent's point of view; opens a lock that was left over on a finished task. */
  stands(agent: AgentIdentity, task: Task, wire: WireTask | null, signal: AbortSignal): Promise<Holding>
}

/** Claims by those calls. Remembers the task that it has proven to be the agent's, so that only the first look at one asks twice. */
export function headlessPmClaims(tasks: HeadlessPmTasks): HeadlessPmClaims {
  let proven: string | null = null
  const nameOf = (agent: AgentIdentity, task: Task) => JSON.stringify([agent.id, task.id])

  async function stands(agent: AgentIdentity, task: Task, wire: WireTask | null, signal: AbortSignal): Promise<Holding> {
    const holding = standing(agent, task, wire)
    if (holding === 'ours' && proven !== nameOf(agent, task)) {
      const finished = await statusBeforeOpening(agent, task, signal)
      if (finished !== null) {
        await openAgain(agent, task, finished, signal)
        return 'finished'
      }
      proven = nameOf(agent, task)
    }
    // Our lock on a task that is done: its answer was lost, and before it took effect somebody finished the task.
    if (holding === 'finished' && wire?.locked_by === agent.id) await openAgain(agent, task, wire.status, signal)
    return holding
  }

  /**
   * There is no unlock; only a move out of `under_work` opens a lock. A kill between the two writes leaves what looks like a
   * task at work; the server's change log, written with the status itself, tells them apart.
   */
  async function openAgain(agent: AgentIdentity, task: Task, status: string, signal: AbortSignal): Promise<void> {
    proven = null
    for (const word of ['under_work', status]) await tasks.write(agent, task, { status: word }, signal)
  }

  /** The status that our half-done opening came from, or null: a task is taken from the status in which it was found, and from no other. */
  async function statusBeforeOpening(agent: AgentIdentity, task: Task, signal: AbortSignal): Promise<string | null> {
    const moves = (await tasks.changes(signal)).filter(change => change.task_id === task.id && change.old_status !== change.new_status)
    const last = moves.find(change => change.new_status === 'under_work')
    return last?.changed_by === agent.id && last.old_status !== foundStatus(agent, task) ? last.old_status : null
  }

  async function claim(agent: AgentIdentity, task: Task, signal: AbortSignal, seenFree = false): Promise<'ours' | 'taken'> {
    const found = foundStatus(agent, task)
    const before = seenFree ? null : await tasks.find(task, found, signal)
    const holding = seenFree ? 'free' : await stands(agent, task, before, signal)
    if (holding === 'ours') return 'ours'
    if (holding !== 'free') return 'taken'
    // With our lock on it already, an earlier claim was cut off here: locking again would be refused.
    if (!before?.locked_by) {
      const began = performance.now()
      const answer = await tasks.lock(agent, task, signal)
      if (answer === 'gone') return 'taken'
      const settlingMs = Math.min(MOST_SETTLING_MS, Math.max(LEAST_SETTLING_MS, 2 * (performance.now() - began)))
      if (answer === 'locked') await delay(settlingMs, undefined, { signal })
      const after = await tasks.find(task, found, signal)
      // We locked it a moment ago, and the list shows it open, so the list is old. To believe it would leave our lock on the task for
      // good.
      if (after?.status === found && !after.locked_by)
        throw new RunnerError('TRACKER_CONFUSED', `the PM server's list does not show the lock on task ${task.id}`)
      if (after?.locked_by !== agent.id) return 'taken'
      // It is under work already because its lock had expired, or it was finished between our look and our lock.
      if (after.status !== found) return (await stands(agent, task, after, signal)) === 'ours' ? 'ours' : 'taken'
    }
    // Do this at once, since the lock of a task that leaves `created` in another way never opens. Send no notes: they would be replaced.
    const written = await tasks.write(agent, task, { status: 'under_work' }, signal)
    if (written === null || written === 'unknown_status' || written.locked_by !== agent.id) return 'taken'
    proven = nameOf(agent, task)
    return 'ours'
  }

  return { claim, stands }
}
