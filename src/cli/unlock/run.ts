import { lstatSync } from 'node:fs'
import { loadConfig } from '../../config/load.ts'
import { RUNNER } from '../../config/trust/refusal.ts'
import { RunnerError } from '../../core/errors.ts'
import { AGENT_ID } from '../../core/task.ts'
import { lockFilePath } from '../../machine/journal/lock-file.ts'
import { type AgentGuard, guardHolder, takeAgentGuard } from '../../machine/locks/agent-guard.ts'
import type { CommandIo } from '../command/command-io.ts'
import { paintFor } from '../output/paint.ts'
import { openSink } from '../output/sink.ts'
import { type Check, checkAll } from './checks.ts'
import { gatherUnlockFacts, type UnlockFacts } from './facts.ts'
import { type LetGo, letGo } from './let-go.ts'
import { checkLines, doneLines, givenUpLines, refusalLines, unlockDocument } from './view.ts'

type Flags = Record<string, unknown> & { force?: boolean; json?: boolean }

/**
 * `unlock`: checks, and lets go of the agent's lock file when nothing can be lost by it, or with --force. Returns the exit code. Throws
 * USAGE for a word that is no agent id, and any failure on the way; then the lock file is still there.
 */
export async function unlock(flags: Flags, io: CommandIo, agentId: string, signal: AbortSignal): Promise<number> {
  if (!AGENT_ID.test(agentId)) throw new RunnerError('USAGE', `${JSON.stringify(agentId.slice(0, 80))} is no agent id`)
  const config = await loadConfig({ flags, env: io.env, cwd: io.cwd }, { ...RUNNER, runs: false })
  const { home, repo } = config.values
  const force = flags.force === true
  const sink = openSink(io.stdout, { complete: true })
  const paint = await paintFor(io.stdout, io.env)
  const tell = (lines: string[]) => {
    if (!flags.json) sink.write(`${lines.join('\n')}\n`)
  }
  const document = (exitCode: number, facts: UnlockFacts | null, checks: Check[], done: LetGo | null) => {
    if (flags.json) sink.write(`${JSON.stringify(unlockDocument(agentId, exitCode, facts, checks, done), null, 2)}\n`)
    return exitCode
  }
  const nothing = () => {
    tell([`${agentId} has no lock file: nothing is unfinished, and nothing was changed.`])
    return document(0, null, [], null)
  }
  // Check this before taking the guard, which would make the folder and a file.
  if (!isThere(lockFilePath(home, agentId))) return nothing()

  let guard: AgentGuard
  try {
    guard = takeAgentGuard(home, agentId, { role: '', repo, command: 'unlock' })
  } catch (thrown) {
    if (!(thrown instanceof RunnerError) || thrown.code !== 'AGENT_BUSY') throw thrown
    const busy = inUse(thrown, home, agentId)
    tell([...checkLines(null, [busy], sink.columns(), paint), ...refusalLines([busy], agentId, sink.columns(), paint)])
    return document(thrown.exitCode, null, [busy], null)
  }
  try {
    const facts = await gatherUnlockFacts(home, agentId, config)
    if (!facts) return nothing()
    const checks = checkAll(facts)
    tell(checkLines(facts, checks, sink.columns(), paint))
    const refused = checks.filter(check => check.refusal !== null)
    if (refused.length > 0 && !force) {
      tell(refusalLines(refused, agentId, sink.columns(), paint))
      return document(refused[0]!.refusal!.exitCode, facts, checks, null)
    }
    if (refused.length > 0) tell(givenUpLines(refused, sink.columns(), paint))
    const done = await letGo(facts, config, force, signal)
    tell(doneLines(done, sink.columns(), paint))
    return document(0, facts, checks, done)
  } finally {
    guard.release()
  }
}

/** A live runner is never overruled: two would work under one name. */
function inUse({ message, exitCode }: RunnerError, home: string, agentId: string): Check {
  const pid = guardHolder(home, agentId)?.process.pid
  const advice =
    pid === undefined ? 'Stop the runner first.' : `\`kill -TERM ${pid}\` has it finish the task and end; twice keeps the task.`
  return { name: 'runner', says: message, refusal: { exitCode, advice, givesUp: null } }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
