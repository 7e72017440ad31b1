import { agentTag, isAlive, RUN_TAG, taggedProcesses } from '../process/processes.ts'
import { attemptFolder, readAttemptFile, unlessDamaged } from './attempt-files.ts'

/** The processes of a run that live now, by pid. */
export interface RunProcesses {
  /** The last attempt's supervisor and agent; null when they do not live, or there is no attempt. */
  supervisor: number | null
  agent: number | null
  /** All others that carry the run's tag, or descend from a process that does. */
  others: number[]
}

/** The processes of a run that live now; `attempt` is the number of its last one. With `agentId` not those of another agent. Only looks. */
export function runProcesses(home: string, runId: string, attempt: number | null, agentId?: string): RunProcesses {
  const folder = attempt === null ? null : attemptFolder(home, runId, attempt)
  // When the files of a run are damaged, its processes can still be found by their tag.
  const started = folder === null ? null : unlessDamaged(() => readAttemptFile(folder, 'started')).value
  const supervisor = started && isAlive(started.supervisor) ? started.supervisor.pid : null
  const agent = started?.agent && isAlive(started.agent) ? started.agent.pid : null
  const others = taggedProcesses(RUN_TAG, runId, agentId === undefined ? undefined : agentTag(agentId, home)).map(row => row.pid)
  return { supervisor, agent, others: others.filter(pid => pid !== supervisor && pid !== agent) }
}
