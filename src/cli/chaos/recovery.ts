import { openRunFiles } from '../../machine/journal/run-files.ts'
import type { Lane, Runner } from './lane.ts'

/** How long one restart took until its unfinished run went on, in milliseconds. */
export interface Recovery {
  /** From the start of the process. */
  wholeMs: number
  /** From the runner's first word, so without the time that a program takes to start. */
  workMs: number
}

/**
 * The recovery times of a lane's restarts: from the start to the first event after the one that says that an unfinished run was found.
 * Restarts that were killed before are left out, and so are those during which the board was locked, since the lock delayed them.
 */
export function recoveryTimes(lane: Lane, home: string, boardLocked: [number, number][]): Recovery[] {
  return lane.runners.flatMap(runner => {
    const { found, startedAt, endedAt } = runner
    if (!found) return []
    const [, next] = openRunFiles(home).events(found.runId).slice(found.events)
    if (!next) return []
    const at = Date.parse(next.at)
    if (endedAt !== null && at > endedAt) return []
    if (boardLocked.some(([from, to]) => from < at && to > startedAt)) return []
    const spoke = firstWord(runner)
    return spoke === null ? [] : [{ wholeMs: at - startedAt, workMs: at - spoke }]
  })
}

/** When the runner wrote its first line, in epoch milliseconds. */
function firstWord(runner: Runner): number | null {
  const at = /^\{"at":"([^"]+)"/m.exec(runner.output())?.[1]
  return at === undefined ? null : Date.parse(at)
}
