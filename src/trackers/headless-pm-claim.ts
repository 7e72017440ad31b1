import { setTimeout as delay } from 'node:timers/promises'
import { RunnerError } from '../core/errors.ts'
import type { AgentIdentity, Task } from '../core/task.ts'
import type { HeadlessPmTasks } from './headless-pm-tasks.ts'
import { foundStatus, standing } from './headless-pm-wire.ts'

const LEAST_SETTLING_MS = 20
const MOST_SETTLING_MS = 2_000

/**
 * Takes a task: look, lock, let it settle, read back, mark under work, and read the holder once more from that answer.
 * The server's lock checks and then writes, so of two that lock at once both are told yes and the last write stays. Whoever
 * checked before our write has written soon after it, at the latest after about as long as a lock call takes: hence the
 * wait of twice our own call before reading back. `seenFree`: a moment ago it was, so the first look is left out.
 */
export async function claimTask(
  tasks: HeadlessPmTasks,
  agent: AgentIdentity,
  task: Task,
  signal: AbortSignal,
  seenFree = false,
): Promise<'ours' | 'taken'> {
  const found = foundStatus(agent, task)
  const before = seenFree ? null : await tasks.find(task, found, signal)
  const stands = seenFree ? 'free' : standing(agent, task, before)
  if (stands === 'ours') return 'ours'
  if (stands !== 'free') {
    // Our lock on a task that is done: its answer was lost, and before it took effect somebody finished the task.
    if (before?.locked_by === agent.id) await openAgain(tasks, agent, task, before.status, signal)
    return 'taken'
  }
  // With our lock on it already, an earlier claim was cut off here: locking again would be refused.
  if (!before?.locked_by) {
    const began = performance.now()
    const answer = await tasks.lock(agent, task, signal)
    if (answer === 'gone') return 'taken'
    const settlingMs = Math.min(MOST_SETTLING_MS, Math.max(LEAST_SETTLING_MS, 2 * (performance.now() - began)))
    if (answer === 'locked') await delay(settlingMs, undefined, { signal })
    const after = await tasks.find(task, found, signal)
    // Locked a moment ago, and open now: the list is an old one. To believe it would leave our lock on the task for good.
    if (after?.status === found && !after.locked_by)
      throw new RunnerError('TRACKER_CONFUSED', `the PM server's list does not show the lock on task ${task.id}`)
    if (after?.locked_by !== agent.id) return 'taken'
    if (after.status === 'under_work') return 'ours'
    if (after.status !== found) {
      // It was finished between our look and our lock.
      await openAgain(tasks, agent, task, after.status, signal)
      return 'taken'
    }
  }
  // At once, since the lock of a task that leaves `created` by another way never opens. Without notes: they would be replaced.
  const written = await tasks.write(agent, task, { status: 'under_work' }, signal)
  return written !== null && written !== 'unknown_status' && written.locked_by === agent.id ? 'ours' : 'taken'
}

/** There is no unlock; only a move out of `under_work` opens a lock. */
async function openAgain(tasks: HeadlessPmTasks, agent: AgentIdentity, task: Task, status: string, signal: AbortSignal): Promise<void> {
  for (const word of ['under_work', status]) await tasks.write(agent, task, { status: word }, signal)
}
