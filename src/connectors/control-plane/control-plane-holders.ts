import { RunnerError } from '../../core/errors.ts'
import type { AgentIdentity, Task } from '../../core/task.ts'

/** A lease is over after 90 s of silence; three beats fit into it. In milliseconds. */
export const HEARTBEAT_MS = 30_000

/** The data by which a holder proves itself with every write. */
export interface HeldRun {
  agentId: string
  runId: string
  epoch: number
}

/** Where the leases come from: a control plane says who holds what. */
export interface HoldingSource {
  run(runId: string, signal: AbortSignal): Promise<{ agentId: string | null; epoch: number; machine: string | null }>
  task(taskId: string, signal: AbortSignal): Promise<{ runId: string | null; lockedBy: string | null }>
  /** The epoch of the claim; null when another was quicker. */
  claim(agent: AgentIdentity, taskId: string, runId: string, signal: AbortSignal): Promise<number | null>
}

/**
 * What this process holds, by run. It is kept in memory alone: after a restart the control plane is asked, and tells the epoch of a run only
 * while it is still this agent's on this machine. A claim that was lost to another one is never told, so nothing can be written by it.
 */
export function openHolders(source: HoldingSource, machine: string) {
  const byRun = new Map<string, HeldRun>()
  const runOfTask = new Map<string, string>()

  async function ofRun(agent: AgentIdentity, runId: string, signal: AbortSignal): Promise<HeldRun> {
    const known = byRun.get(runId)
    if (known) return known
    const run = await source.run(runId, signal)
    if (run.agentId !== agent.id || (run.machine !== null && run.machine !== machine))
      throw new RunnerError('LEASE_LOST', `${agent.id} no longer holds ${runId}`)
    return keep({ agentId: agent.id, runId, epoch: run.epoch })
  }

  function keep(held: HeldRun): HeldRun {
    byRun.set(held.runId, held)
    return held
  }

  return {
    ofRun,

    /** The holder of a task, by its run when that is known. Throws LEASE_LOST when it is not this agent's. */
    async of(agent: AgentIdentity, task: Task, runId: string | null, signal: AbortSignal): Promise<HeldRun> {
      const known = runId ?? runOfTask.get(task.id)
      if (known !== undefined) return ofRun(agent, known, signal)
      const seen = await source.task(task.id, signal)
      if (seen.lockedBy !== agent.id || seen.runId === null) throw new RunnerError('LEASE_LOST', `${agent.id} does not hold ${task.id}`)
      const held = await ofRun(agent, seen.runId, signal)
      runOfTask.set(task.id, held.runId)
      return held
    },

    async claim(agent: AgentIdentity, task: Task, runId: string, signal: AbortSignal): Promise<'ours' | 'taken'> {
      const epoch = await source.claim(agent, task.id, runId, signal)
      // One runner holds one task at a time, so what it held before is over.
      byRun.clear()
      runOfTask.clear()
      if (epoch === null) return 'taken'
      keep({ agentId: agent.id, runId, epoch })
      runOfTask.set(task.id, runId)
      return 'ours'
    },
  }
}

const isLost = (error: unknown) => error instanceof RunnerError && error.kind === 'lost'

/** The result of the act, or `lost` when it fails because somebody else holds the run now. */
export async function orLost<T>(act: () => Promise<T>): Promise<T | 'lost'> {
  try {
    return await act()
  } catch (error) {
    if (isLost(error)) return 'lost'
    throw error
  }
}
