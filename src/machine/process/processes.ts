import { realpathSync } from 'node:fs'
import { uptime } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { RunnerError } from '../../core/errors.ts'
import { agentMark, type ProcessIdentity } from '../../core/run.ts'
import { callGroup, isGroupOfRun, runGroup } from './groups.ts'
import { bootId, groupsOf, type ProcessRow, processRow, processRows, startedAs, startedWith } from './process-table.ts'

/** The environment name that marks every process of a run, with the run id as its value. */
export const RUN_TAG = 'AGENT_RUNNER_RUN_ID'
/** The name that says for which agent it works in the run: one agent after another may have a run under the same id. */
export const AGENT_TAG = 'AGENT_RUNNER_RUN_AGENT'

/** The environment name that marks every process of one hook call. */
export const CALL_TAG = 'AGENT_RUNNER_HOOK_ID'

/** The value of that entry for an agent of a state folder, whichever path names the folder. */
export function agentTag(agentId: string, home: string): string {
  try {
    return agentMark(agentId, realpathSync.native(home))
  } catch {
    return agentMark(agentId, home)
  }
}

/** The identity of a live process; null when there is no such process. */
export function identify(pid: number): ProcessIdentity | null {
  const row = processRow(pid)
  return row && { bootId: row.bootId, pid: row.pid, start: row.start }
}

/** Whether exactly this process still lives: same boot, same pid, same start. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identity.bootId === bootId() && processRow(identity.pid)?.start === identity.start
}

/** Signals exactly this process. False when it is gone; nothing else is ever signalled in its place. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (identity.pid <= 1 || !isAlive(identity)) return false
  try {
    process.kill(identity.pid, signal)
    return true
  } catch {
    return false
  }
}

/**
 * Every live process that was started with NAME=value in its environment, that is in the group of that run or call where the system has
 * groups, and their descendants, which may have dropped both. Never this process. With `agent`, a value of `agentTag`, not what works for
 * another agent.
 */
export function taggedProcesses(name: string, value: string, agent?: string): ProcessRow[] {
  // Read the clock before the rows, so that a process that has begun since is taken for younger, never for older.
  const now = uptime()
  const rows = processRows()
  const found = new Map<number, ProcessRow>()
  const isAnothers = (row: ProcessRow) => {
    const tag = agent === undefined ? null : startedAs(row, AGENT_TAG, now)
    // An older program has marked its processes with the agent id alone.
    return tag !== null && tag !== agent && !agent?.startsWith(`${tag}@`)
  }
  const isHeld = (group: string) =>
    name === CALL_TAG
      ? group === callGroup(value)
      : name === RUN_TAG && (agent === undefined ? isGroupOfRun(group, value) : group === runGroup(value, agent))
  for (const row of rows)
    if ((startedWith(row, `${name}=${value}`, now) || groupsOf(row, now).some(isHeld)) && !isAnothers(row)) found.set(row.pid, row)
  for (let grown = true; grown; ) {
    grown = false
    for (const row of rows)
      if (!found.has(row.pid) && found.has(row.parent)) {
        found.set(row.pid, row)
        grown = true
      }
  }
  found.delete(process.pid)
  return [...found.values()]
}

/**
 * Ends every process with the tag, with `agent` not what works for another agent: TERM, up to `graceMs`, then KILL until two looks find none. Returns how many were ended.
 * Throws SUPERVISOR_FAILED when some outlive KILL for 10 s (stuck in the kernel): their successor must not start.
 */
export async function endTagged(name: string, value: string, graceMs: number, agent?: string): Promise<number> {
  const ended = new Set<string>()
  for (let waited = 0, round = 0, seen = false; ; round++) {
    const alive = taggedProcesses(name, value, agent)
    // A process that is replacing its program shows no environment for a moment, so one look is no proof after something was found.
    if (alive.length === 0 && !seen) return ended.size
    seen = alive.length > 0
    const kill = waited >= graceMs
    for (const row of alive) {
      const key = `${row.pid}:${row.start}`
      // A process seen for the first time gets its TERM; later rounds only wait, so that handlers run once.
      if (kill || !ended.has(key)) signalProcess(row, kill ? 'SIGKILL' : 'SIGTERM')
      ended.add(key)
    }
    if (waited > graceMs + 10_000)
      throw new RunnerError(
        'SUPERVISOR_FAILED',
        `cannot end ${alive.length} process(es) of ${value}: ${alive.map(row => row.pid).join(', ')}`,
      )
    const pause = Math.min(100, 5 * 2 ** Math.min(round, 5))
    await delay(pause)
    waited += pause
  }
}
