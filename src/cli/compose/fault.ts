import { RunnerError } from '../../core/errors.ts'
import type { Journal } from '../../core/ports/journal.ts'
import { type RunRecord, STEPS } from '../../core/run.ts'

/** Where a run can be cut off inside the agent step, by the state of its last attempt. The other places are around each step. */
const ATTEMPT_POINTS = ['decided:agent', 'started:agent', 'ended:agent']

/**
 * Every point at which AGENT_RUNNER_FAULT can kill the runner. `before:S` the journal has step S as begun, the one before it as done, and
 * nothing of S is done; `done:S` it is done but not on record; `after:release` the run is over. Made from the list of steps, so that a new
 * step has its points.
 */
export const FAULT_POINTS: readonly string[] = [
  ...STEPS.flatMap(step => [`before:${step}`, ...(step === 'agent' ? ATTEMPT_POINTS : []), `done:${step}`]),
  'after:release',
]

/**
 * For tests of crash recovery only: a journal that kills this process by SIGKILL when a run comes to `point`. Steps touch the outside
 * only between two saves, so a kill at a save is a kill between two effects. `stop@point` stops it there by SIGSTOP, once. Throws
 * CONFIG_INVALID for an unknown point.
 */
export function withFault(journal: Journal, fault: string | undefined): Journal {
  if (!fault) return journal
  const stops = fault.startsWith('stop@')
  const point = stops ? fault.slice('stop@'.length) : fault
  if (!FAULT_POINTS.includes(point)) throw new RunnerError('CONFIG_INVALID', `AGENT_RUNNER_FAULT: there is no point ${point}`)
  let stepOnDisk: string | undefined
  let stopped = false
  const reached = (now: string) => {
    if (now !== point || stopped) return
    stopped = stops
    process.kill(process.pid, stops ? 'SIGSTOP' : 'SIGKILL')
  }
  return {
    ...journal,
    load() {
      const loaded = journal.load()
      stepOnDisk = loaded.record?.steps.at(-1)?.name
      return loaded
    },
    save(record, durable) {
      const step = record.steps.at(-1)?.name
      if (step !== stepOnDisk) reached(`done:${stepOnDisk}`)
      journal.save(record, durable)
      stepOnDisk = step
      reached(stateOf(record))
    },
    remove() {
      reached('done:release')
      journal.remove()
      stepOnDisk = undefined
      reached('after:release')
    },
  }
}

/** How far a run is, as the name of a point. */
function stateOf({ steps, attempts }: RunRecord): string {
  const step = steps.at(-1)
  const attempt = attempts.at(-1)
  if (step?.name !== 'agent' || !attempt) return `before:${step?.name}`
  return attempt.ended ? 'ended:agent' : attempt.supervisor ? 'started:agent' : 'decided:agent'
}
