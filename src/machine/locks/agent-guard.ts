import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { readJson } from '../../core/json.ts'
import type { ProcessIdentity } from '../../core/run.ts'
import { privateFolder, removeLeftovers, replaceFile } from '../files/durable-file.ts'
import { identify } from '../process/processes.ts'
import { isLocked, takeLock } from './os-lock.ts'

/** The runner that works for an agent id now, as it wrote itself down. */
export interface GuardHolder {
  process: ProcessIdentity
  host: string
  since: string
  role: string
  repo: string
  command: string
}

export interface AgentGuard {
  /** The last holder died without releasing the guard, so a process that belongs to no run (a hook between tasks) may still live. */
  readonly foundDead: boolean
  /** Says that leftovers are dealt with; until then the next holder learns of them too. */
  cleared(): void
  release(): void
  /** Whether others would still find the lock that we hold; false once its file was removed or replaced. */
  holds(): boolean
}

/**
 * Makes this process the one runner for the agent id on this machine until it dies or releases. Throws AGENT_BUSY, which
 * names the holder, when there is one already.
 */
export function takeAgentGuard(home: string, agentId: string, about: { role: string; repo: string; command: string }): AgentGuard {
  privateFolder(join(home, 'locks'))
  const lock = takeLock(guardPath(home, agentId))
  if (!lock) {
    const holder = readHolder(home, agentId)
    const who = holder ? `process ${holder.process.pid} on ${holder.host} since ${holder.since}` : 'another process'
    throw new RunnerError('AGENT_BUSY', `the agent id ${agentId} is in use by ${who}`)
  }
  const holder: GuardHolder = { process: identify(process.pid)!, host: hostname(), since: new Date().toISOString(), ...about }
  removeLeftovers(holderPath(home, agentId))
  const foundDead = existsSync(holderPath(home, agentId))
  let mark = foundDead
  // It is read only while the lock is held, so never after another boot.
  replaceFile(holderPath(home, agentId), JSON.stringify(holder), 'kill or none')
  const own = statSync(guardPath(home, agentId))
  const holds = () => {
    const now = statSync(guardPath(home, agentId), { throwIfNoEntry: false })
    return now?.ino === own.ino && now.dev === own.dev
  }
  return {
    foundDead,
    cleared() {
      mark = false
    },
    release() {
      // If the guard was replaced, another runner has recorded itself.
      if (!mark && holds()) rmSync(holderPath(home, agentId), { force: true })
      lock.release()
    },
    holds,
  }
}

/** The runner that holds the agent id now; null when there is none, whatever a dead runner left behind. */
export function guardHolder(home: string, agentId: string): GuardHolder | null {
  return isLocked(guardPath(home, agentId)) ? readHolder(home, agentId) : null
}

const guardPath = (home: string, agentId: string) => join(home, 'locks', `agent-${agentId}.guard`)
const holderPath = (home: string, agentId: string) => join(home, 'locks', `agent-${agentId}.runner.json`)

function readHolder(home: string, agentId: string): GuardHolder | null {
  const path = holderPath(home, agentId)
  return existsSync(path) ? readJson(readFileSync(path, 'utf8')) : null
}
