import { z } from 'zod'
import { claimAnswer } from '../control-plane/wire/worker.ts'
import { RunnerError } from '../core/errors.ts'
import type { AgentIdentity, Task } from '../core/task.ts'
import type { ControlPlaneCalls } from './control-plane-calls.ts'

/** By what a holder proves itself with every write. */
export interface HolderWords {
  agent_id: string
  run_id: string
  epoch: number
}

const seenTask = z.object({ run_id: z.string().nullable(), locked_by: z.string().nullable(), epoch: z.number() })
const seenRun = z.object({ agent_id: z.string().nullable(), epoch: z.number() })

/**
 * What this process holds, by run. It is kept in memory alone: after a restart the server is asked, and tells the epoch of a run only while
 * it is still this agent's. A claim that was lost to another one is never told, so nothing can be written by it.
 */
export function openHolders(calls: ControlPlaneCalls) {
  const byRun = new Map<string, HolderWords>()
  const runOfTask = new Map<string, string>()

  async function ofRun(agent: AgentIdentity, runId: string, signal: AbortSignal): Promise<HolderWords> {
    const known = byRun.get(runId)
    if (known) return known
    const run = await calls.get(`/runs/${encodeURIComponent(runId)}`, seenRun, { signal })
    if (run.agent_id !== agent.id) throw new RunnerError('LEASE_LOST', `${agent.id} no longer holds ${runId}`)
    return keep({ agent_id: agent.id, run_id: runId, epoch: run.epoch })
  }

  function keep(held: HolderWords): HolderWords {
    byRun.set(held.run_id, held)
    return held
  }

  return {
    ofRun,

    /** The holder of a task, by its run when that is known. Throws LEASE_LOST when it is not this agent's. */
    async of(agent: AgentIdentity, task: Task, runId: string | null, signal: AbortSignal): Promise<HolderWords> {
      const run = runId ?? runOfTask.get(task.id)
      if (run !== undefined) return ofRun(agent, run, signal)
      const seen = await calls.get(`/api/v1/tasks/${encodeURIComponent(task.id)}`, seenTask, { signal })
      if (seen.locked_by !== agent.id || seen.run_id === null) throw new RunnerError('LEASE_LOST', `${agent.id} does not hold ${task.id}`)
      runOfTask.set(task.id, seen.run_id)
      return keep({ agent_id: agent.id, run_id: seen.run_id, epoch: seen.epoch })
    },

    async claim(agent: AgentIdentity, task: Task, runId: string, signal: AbortSignal): Promise<'ours' | 'taken'> {
      const body = { agent_id: agent.id, role: agent.role, level: agent.level, run_id: runId }
      const answer = await calls.post(`/api/v1/tasks/${encodeURIComponent(task.id)}/claim`, claimAnswer, { body, signal })
      // One runner holds one task at a time; what it held before is over.
      byRun.clear()
      runOfTask.clear()
      if (answer.claim !== 'ours' || answer.lease === null) return 'taken'
      keep({ agent_id: agent.id, run_id: runId, epoch: answer.lease.epoch })
      runOfTask.set(task.id, runId)
      return 'ours'
    },
  }
}
