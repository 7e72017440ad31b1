import { lstatSync, readFileSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { RunnerError } from '../../core/errors.ts'
import type { AttemptState } from '../../core/ports/supervision.ts'
import { ownsRunId, type RunRecord } from '../../core/run.ts'
import { unlessDamaged } from '../../machine/attempts/attempt-files.ts'
import { type RunProcesses, runProcesses } from '../../machine/attempts/run-processes.ts'
import { attemptState } from '../../machine/attempts/supervision.ts'
import { lockFilePath, readLockFile } from '../../machine/journal/lock-file.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { askTracker, type CheckoutView, lookAt, type TrackerAnswer } from '../compose/why-tools.ts'
import { attemptsOf } from '../logs/attempts-of.ts'
import { runResult, storedRuns, unfinishedRuns } from '../logs/stored-runs.ts'

/** Everything that is known about a lock file before anything is done. */
export interface UnlockFacts {
  agentId: string
  path: string
  /** Null when the file cannot be read; then `unreadable` says why. */
  record: RunRecord | null
  unreadable: string | null
  /** The runs whose processes were looked for, and what lives of each. */
  runs: { runId: string; attempt: number | null; processes: RunProcesses }[]
  /** The last attempt, as its files have it. */
  attempt: AttemptState | null
  tracker: TrackerAnswer | null
  checkout: CheckoutView | null
}

/** Looks at everything that the checks need. Null when there is no lock file. */
export async function gatherUnlockFacts(home: string, agentId: string, config: Config): Promise<UnlockFacts | null> {
  const path = lockFilePath(home, agentId)
  if (!lstatSync(path, { throwIfNoEntry: false })) return null
  const { record, unreadable } = read(path, agentId)
  // If the run was never proven ours, the processes with its id belong to another agent.
  const runIds = record ? (ownsRunId(record) ? [record.runId] : []) : possibleRuns(home, agentId, path)
  const runs = runIds.map(runId => {
    // Attempts that a readable file does not list belong to another agent, which has the run now or had it before.
    const numbers = record ? record.attempts.map(({ number }) => number) : attemptsOf(home, runId)
    const attempt = numbers.at(-1) ?? null
    return { runId, attempt, processes: runProcesses(home, runId, attempt, agentId) }
  })
  const nothing = { attempt: null, tracker: null, checkout: null }
  if (!record) return { agentId, path, record, unreadable, runs, ...nothing }
  const last = record.attempts.at(-1)
  const place = record.workspace ?? (record.inherited && { path: record.inherited.path, base: null, dirtyAtStart: [] })
  const waitMs = config.values.apiTimeout * 1000
  const [tracker, checkout] = await Promise.all([
    askTracker(config, record.agent, record.task, record.tracker, waitMs),
    place && lookAt(config, place.path, { ...place, runId: record.runId, workspace: record.workspace }),
  ])
  const attempt = last ? unlessDamaged(() => attemptState(home, record.runId, last.number)).value : null
  return { agentId, path, record, unreadable, runs, attempt, tracker, checkout }
}

function read(path: string, agentId: string): { record: RunRecord | null; unreadable: string | null } {
  try {
    const record = readLockFile(path)
    if (record.agent.id !== agentId) throw new RunnerError('LOCK_FILE_UNREADABLE', `it belongs to the agent ${record.agent.id}`)
    return { record, unreadable: null }
  } catch (error) {
    return { record: null, unreadable: (error as Error).message }
  }
}

/**
 * The runs that an unreadable lock file may be about: the one whose id it still contains, and those of the agent that have neither ended
 * nor another lock file.
 */
function possibleRuns(home: string, agentId: string, path: string): string[] {
  const files = openRunFiles(home)
  const elsewhere = unfinishedRuns(home)
  const named = /\brun_[a-z0-9]{10,}\b/.exec(beginning(path))?.[0]
  const open = storedRuns(home).filter(
    run => !elsewhere.has(run) && runResult(home, run) === null && files.events(run)[0]?.agentId === agentId,
  )
  return [...new Set([...(named && !elsewhere.has(named) ? [named] : []), ...open])]
}

function beginning(path: string): string {
  try {
    return lstatSync(path).isFile() ? readFileSync(path, 'latin1').slice(0, 1024 * 1024) : ''
  } catch {
    return ''
  }
}
