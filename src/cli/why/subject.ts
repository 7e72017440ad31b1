import { RunnerError } from '../../core/errors.ts'
import { AGENT_ID } from '../../core/task.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { findRun, runResult, storedRuns, unfinishedRuns } from '../logs/stored-runs.ts'
import { type AgentState, machineStatus } from '../status/machine-status.ts'

/** The subject of a question: an agent and one of its runs; either may be unknown. */
export interface Subject {
  agentId: string | null
  runId: string | null
}

/** The states in order of interest: those that need a person come first. */
const INTEREST: AgentState[] = ['unreadable', 'interrupted', 'orphaned', 'waiting', 'working']

/**
 * What a word means: an agent, or a run by its id, its agent or its task. Without a word it is the unfinished agent that needs attention
 * most, else one that waits for the usage limit (`limitUntil`, epoch milliseconds, null for none), else the newest run; null where
 * nothing ever ran. Throws USAGE for an unknown word.
 */
export function chooseSubject(home: string, word: string | null, limitUntil: number | null): Subject | null {
  const { agents } = machineStatus(home, limitUntil)
  if (word === null) {
    const busy = INTEREST.flatMap(state => agents.filter(agent => agent.state === state))
    const first = busy.find(agent => agent.lock_file !== null) ?? busy[0]
    if (first) return { agentId: first.agent_id, runId: first.run_id }
    const newest = storedRuns(home)[0]
    if (newest) return { agentId: agentOf(home, newest), runId: newest }
    const idle = agents[0]
    return idle ? { agentId: idle.agent_id, runId: null } : null
  }
  const agent = agents.find(one => one.agent_id === word)
  if (agent) return { agentId: word, runId: agent.lock_file ? agent.run_id : newestRunOf(home, word) }
  const runId = findRun(home, word)
  return { agentId: agentOf(home, runId), runId }
}

function agentOf(home: string, runId: string): string | null {
  const known = unfinishedRuns(home).get(runId)?.agentId ?? runResult(home, runId)?.agent_id
  const agentId = known ?? openRunFiles(home).events(runId)[0]?.agentId ?? null
  return agentId !== null && AGENT_ID.test(agentId) ? agentId : null
}

function newestRunOf(home: string, agentId: string): string | null {
  try {
    return findRun(home, agentId)
  } catch (error) {
    if (error instanceof RunnerError) return null
    throw error
  }
}
