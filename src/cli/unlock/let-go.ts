import { hostname } from 'node:os'
import type { Config } from '../../config/config.ts'
import { ownsRunId, type RunRecord } from '../../core/run.ts'
import { openSupervision } from '../../machine/attempts/supervision.ts'
import { openJournal, releaseLockFile } from '../../machine/journal/lock-file.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { systemClock } from '../../machine/limits/clock.ts'
import { selfCommand } from '../../machine/process/self.ts'
import { announceEnd } from '../../runner/telling/announce.ts'
import { writeNote } from '../../runner/telling/note.ts'
import { openTracker } from '../compose/compose.ts'
import { type SecuredWork, secureWork } from '../compose/secure-work.ts'
import { openTimeline } from '../run/timeline.ts'
import { isReported } from './checks.ts'
import type { UnlockFacts } from './facts.ts'

/** The result of letting go. */
export interface LetGo extends SecuredWork {
  ended: number
  /** `not_told`: the tracker could not be told, and that was accepted · `nothing`: there was nothing to tell. */
  tracker: 'given_back' | 'not_ours' | 'not_told' | 'nothing'
  movedTo: string
  warnings: string[]
}

/**
 * Lets go of a lock file: processes first, then work, tracker, the result for people, and the file itself last, so that a death in
 * between leaves a run that can be continued or let go of again. With `force`, a failure on the way is reported and accepted; without it,
 * it is thrown and the lock file stays.
 */
export async function letGo(facts: UnlockFacts, config: Config, force: boolean, signal: AbortSignal): Promise<LetGo> {
  const { home } = config.values
  const { record, agentId } = facts
  const warnings: string[] = []
  const ended = await endProcesses(facts, config)
  const nothing = { rescued: [], kept: null }
  const secured = record ? await accepted(() => secureWork(config, record, message => warnings.push(message)), nothing) : nothing
  const tracker = record ? await accepted(() => giveBack(facts, record, config, signal), 'not_told' as const) : 'not_told'
  const isShared = record !== null && (!ownsRunId(record) || openJournal(home, agentId).sharedWith(record.runId) !== null)
  if (record && !isShared) writeResult(home, record, secured)
  return { ...secured, ended, tracker, movedTo: releaseLockFile(home, agentId), warnings }

  async function accepted<T>(act: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await act()
    } catch (error) {
      if (!force) throw error
      warnings.push((error as Error).message)
      return otherwise
    }
  }
}

/** Does not assume that a process is dead: it ends what lives in order, then everything with the run's tag, until none is left. */
async function endProcesses({ runs, agentId }: UnlockFacts, { values }: Config): Promise<number> {
  const supervision = openSupervision({ home: values.home, agentId, self: selfCommand(), env: {}, killGraceMs: values.killGrace * 1000 })
  let ended = 0
  for (const { runId, attempt, processes } of runs) {
    const { supervisor, agent, others } = processes
    if (attempt !== null && (supervisor !== null || agent !== null)) await supervision.stop(runId, attempt)
    await supervision.sweep(runId)
    ended += [supervisor, agent].filter(pid => pid !== null).length + others.length
  }
  return ended
}

async function giveBack({ tracker }: UnlockFacts, record: RunRecord, config: Config, signal: AbortSignal): Promise<LetGo['tracker']> {
  if (isReported(record)) return 'nothing'
  if (tracker?.kind !== 'answered') return 'not_told'
  if (tracker.holding !== 'ours' && tracker.holding !== 'free') return 'nothing'
  const text = `Given back by hand on ${hostname()}; it will not be continued there.`
  const note = writeNote(record, 'unlocked', { durationMs: Math.max(0, Date.now() - Date.parse(record.lockedAt)) || 0, text })
  const open = await openTracker(config)
  try {
    // Give it back even if nobody seems to hold it: with an expired lock the task would stay under work, and nobody would get it.
    const answer = await open.giveBack(record.agent, record.task, { note, runId: record.runId }, signal)
    return answer === 'reported' ? 'given_back' : tracker.holding === 'free' ? 'nothing' : 'not_ours'
  } finally {
    open.close()
  }
}

/** The end of the run as `status`, `logs` and `why` find it. */
function writeResult(home: string, record: RunRecord, { rescued, kept }: SecuredWork): void {
  const files = openRunFiles(home)
  const { workspace, inherited } = record
  const empty = { branch: workspace?.branch ?? inherited?.branch ?? null, commits: [], files: [], diff: '', rescued: [], remarks: [] }
  record.kept = kept
  record.work = { ...(record.work ?? empty), rescued: [...new Set([...(record.work?.rescued ?? []), ...rescued])] }
  if (!isReported(record)) record.disposition = { kind: 'give_back', reason: 'unlocked', note: '' }
  const emit = openTimeline(record.agent.id, files, () => {})
  announceEnd(record, { clock: systemClock, identity: record.agent, files, emit })
  files.tidy(record.runId)
}
