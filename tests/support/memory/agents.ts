import type { EndReason } from '../../../src/core/ends.ts'
import type { Agent, ExitRecord } from '../../../src/core/ports/agent.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import type { AttemptState, Supervision } from '../../../src/core/ports/supervision.ts'
import type { AttemptEnd, RunRecord } from '../../../src/core/run.ts'
import type { Ask, Call } from './calls.ts'
import type { AgentProcess, World } from './world.ts'

/** The agent's CLI: a line of output says what it has cost so far, and one how it ends, where it comes to that. */
export function agentOf(world: World): Agent {
  return {
    name: 'memory',
    resultLine: null,
    ensureThere: () => {},
    command: ({ sessionId, mode }) => ({ need: 'agent', file: 'agent', args: [mode, sessionId], env: {} }),
    canResume: sessionId => world.processes.some(one => one.sessionId === sessionId),
    account: () => 'account',
    reader: () => {
      let said: Said = {}
      return {
        read(line) {
          said = { ...said, ...JSON.parse(line) }
          return []
        },
        end: exit => endOf(said, exit, world),
      }
    },
  }
}

interface Said {
  end?: EndReason
  costUsd?: number
}

function endOf({ end, costUsd = 0 }: Said, exit: ExitRecord, world: World): AttemptEnd {
  const reason = end ?? (exit.cause === 'stopped' ? 'stopped' : exit.signal ? 'killed' : 'crashed')
  return {
    ...{ reason, text: reason, verdict: null, sessionId: null, model: null, costUsd, turns: 1, toolCalls: 1 },
    ...{ tokens: { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 }, durationMs: exit.durationMs },
    resetsAt: reason === 'usage_limit' ? world.now + 30_000 : null,
  }
}

/** Starts, follows and ends the agents of the world. */
export function supervisionOf(world: World, clock: Clock, call: Call, ask: Ask): Supervision {
  const found = (runId: string, attempt: number) => world.processes.find(one => one.runId === runId && one.attempt === attempt)
  const identity = { bootId: 'boot', pid: 1, start: '1' }
  const stateOf = (process: AgentProcess | undefined): AttemptState => {
    if (!process) return { state: 'never_started' }
    if (world.alive(process)) return { state: 'alive', supervisor: identity }
    return process.deed.end === 'vanished' && !process.stopped ? { state: 'gone' } : { state: 'exited', exit: exitOf(process) }
  }
  const endAll = (runId: string) => {
    const left = world.processes.filter(one => one.runId === runId && world.alive(one))
    for (const one of left) world.stopAgent(one)
    return left.length
  }
  return {
    ready: () => call(() => {}),
    unready: () => call(() => {}),
    start: ({ runId, attempt, command: { args }, cwd }) =>
      ask(() => {
        // Of its own: a start that is repeated after a kill finds the attempt's folder.
        if (found(runId, attempt)) return identity
        const [mode, sessionId] = args as ['fresh' | 'resume', string]
        const { task } = JSON.parse(world.lockFile!) as RunRecord
        world.startAgent({ runId, attempt, sessionId, mode, path: cwd }, task.id)
        return identity
      }),
    inspect: (runId, attempt) => call(() => stateOf(found(runId, attempt))),
    latest: runId => call(() => Math.max(0, ...world.processes.filter(one => one.runId === runId).map(one => one.attempt))),
    follow: async (runId, attempt, onLine, signal) => {
      const process = found(runId, attempt)!
      while (world.alive(process) && !signal.aborted) await clock.sleep(process.endsAt - world.elapsed, signal).catch(() => {})
      if (world.alive(process)) throw signal.reason
      const { deed, stopped } = process
      const speaks = !stopped && deed.end !== 'vanished' && deed.end !== 'killed' && deed.end !== 'crashed'
      onLine(JSON.stringify({ costUsd: deed.costUsd }))
      if (speaks) onLine(JSON.stringify({ end: deed.end }))
      const state = stateOf(process)
      return ask(() => (state.state === 'exited' ? state.exit : null))
    },
    stderr: () => '',
    stop: (runId, attempt) => ask(() => world.stopAgent(found(runId, attempt)!)),
    sweep: runId => ask(() => endAll(runId)),
    takeOver: runId => ask(() => void endAll(runId)),
  }
}

function exitOf({ deed, stopped, startedAt, endsAt }: AgentProcess): ExitRecord {
  const at = new Date(endsAt).toISOString()
  const signal = stopped ? 'SIGTERM' : deed.end === 'killed' ? 'SIGKILL' : null
  return {
    version: 1,
    code: signal ? null : 0,
    signal,
    cause: stopped ? 'stopped' : null,
    message: '',
    startedAt: at,
    endedAt: at,
    durationMs: endsAt - startedAt,
  }
}
