import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { RunnerError } from '../../core/errors.ts'
import { readJson } from '../../core/json.ts'
import { AGENT_ID } from '../../core/task.ts'
import { readLockFile } from '../../machine/journal/lock-file.ts'
import { runFolder } from '../../machine/journal/run-files.ts'

const RUN_ID = /^run_[a-z0-9]+$/

const resultSchema = z.object({
  run_id: z.string(),
  agent_id: z.string(),
  task_id: z.string(),
  title: z.string(),
  reason: z.string(),
  status: z.string().nullable(),
  branch: z.string().nullable(),
  kept: z.string().nullable(),
  rescued: z.array(z.string()),
  finished_at: z.string(),
  cost_usd: z.number(),
  duration_ms: z.number(),
})

/** How a run ended, as its folder keeps it (`result.json`). */
export type RunResult = z.infer<typeof resultSchema>

/** The ids of all stored runs, newest first, since run ids sort by time. */
export function storedRuns(home: string): string[] {
  return names(join(home, 'runs'))
    .filter(name => RUN_ID.test(name))
    .sort()
    .reverse()
}

/** How a run ended; null while it has not, or when its file cannot be read. */
export function runResult(home: string, runId: string): RunResult | null {
  try {
    return resultSchema.parse(readJson(readFileSync(join(runFolder(home, runId), 'result.json'), 'utf8')))
  } catch {
    return null
  }
}

/** The unfinished runs of this machine by run id, from the lock files; files that cannot be read are passed over. */
export function unfinishedRuns(home: string): Map<string, { agentId: string; taskId: string }> {
  const found = new Map<string, { agentId: string; taskId: string }>()
  for (const agentId of agentsWithLock(home)) {
    try {
      const { runId, task } = readLockFile(join(home, 'locks', `agent-${agentId}.lock`))
      found.set(runId, { agentId, taskId: task.id })
    } catch {
      // `status` tells about it.
    }
  }
  return found
}

/** The ids of the agents that have a lock file. */
function agentsWithLock(home: string): string[] {
  return names(join(home, 'locks'))
    .map(name => /^agent-(.+)\.lock$/.exec(name)?.[1] ?? '')
    .filter(id => AGENT_ID.test(id))
    .sort()
}

/**
 * The run that a word means: a run id or the unique start or end of one, or the newest run of an agent or a task.
 * Throws USAGE when there is none, or more than one.
 */
export function findRun(home: string, word: string): string {
  const runs = storedRuns(home)
  const unfinished = unfinishedRuns(home)
  if (runs.includes(word) || unfinished.has(word)) return word
  const owned = [...unfinished].find(([, { agentId, taskId }]) => agentId === word || taskId === word)
  if (owned) return owned[0]
  const finished = runs.find(run => {
    const result = runResult(home, run)
    return result !== null && (result.agent_id === word || result.task_id === word)
  })
  if (finished) return finished
  // The first ten letters of an id are its time, so a shorter word cannot be unique anyway.
  const bare = word.replace(/^run_/, '')
  const alike = bare.length < 3 ? [] : runs.filter(run => run.startsWith(`run_${bare}`) || run.endsWith(bare))
  if (alike.length === 1) return alike[0]!
  if (alike.length === 0) throw new RunnerError('USAGE', `no run, agent or task here is called ${JSON.stringify(word)}`)
  throw new RunnerError(
    'USAGE',
    `${JSON.stringify(word)} can mean ${alike.length} runs: ${alike.slice(0, 3).join(', ')}${alike.length > 3 ? ', …' : ''}`,
  )
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
