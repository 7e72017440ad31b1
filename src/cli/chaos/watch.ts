import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processRows, startedWith } from '../../machine/process/process-table.ts'
import { RUN_TAG } from '../../machine/process/processes.ts'
import type { Ground } from './ground.ts'

/** The time between two looks at the processes of the machine, in milliseconds. */
const LOOK_MS = 100

/** Watches the machine's processes. */
export interface Watch {
  /** Runs on which two agents were seen at once since the last call. */
  doubled(): string[]
  /** How many looks there were in all. */
  looks(): number
  end(): void
}

/** Begins to watch. Where there is no `/proc`, only the agent's own account tells of two at once. */
export function startWatch({ root, runs }: Ground): Watch {
  const agent = join(root, 'agent')
  let seen = new Set<string>()
  let looks = 0
  const look = () => {
    looks++
    // The supervisor makes its agent the leader of a group; the shells that an agent forks are not.
    const agents = processRows().filter(row => row.group === row.pid && commandOf(row.pid).includes(agent))
    if (agents.length < 2) return
    for (const run of runs()) if (agents.filter(row => startedWith(row, `${RUN_TAG}=${run}`)).length > 1) seen.add(run)
  }
  const timer = setInterval(look, LOOK_MS)
  return {
    doubled() {
      const found = [...seen]
      seen = new Set()
      return found
    },
    looks: () => looks,
    end: () => clearInterval(timer),
  }
}

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, 2)
  } catch {
    return []
  }
}
