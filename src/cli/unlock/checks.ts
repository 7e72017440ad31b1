import { ENDS, end } from '../../core/ends.ts'
import { ERRORS } from '../../core/errors.ts'
import type { RunRecord } from '../../core/run.ts'
import { count, moment } from '../../core/text/words.ts'
import { oneLine } from '../output/clean.ts'
import { tilde } from '../output/tilde.ts'
import type { UnlockFacts } from './facts.ts'

/** One condition of a safe unlock. */
export interface Check {
  name: 'runner' | 'lock file' | 'processes' | 'result' | 'workspace' | 'task'
  says: string
  /** Why it is refused; null when this is safe. `givesUp`: what --force gives up; null when it does not help. */
  refusal: { exitCode: number; advice: string; givesUp: string | null } | null
}

/** All conditions, in the order in which they are printed. Decides from the facts alone. */
export function checkAll(facts: UnlockFacts): Check[] {
  const { record, agentId } = facts
  const runner: Check = { name: 'runner', says: `none works for ${agentId}, and none starts meanwhile`, refusal: null }
  if (!record) return [runner, unreadable(facts), processes(facts)]
  return [runner, lockFile(record), processes(facts), result(record, facts), workspace(record, facts), task(record, facts)]
}

/** Whether the run's end is on record at the tracker already. */
export function isReported({ steps }: RunRecord): boolean {
  return steps.some(step => step.name === 'report' && step.finishedAt !== null)
}

function lockFile({ task, lockedAt, steps }: RunRecord): Check {
  const step = steps.at(-1)
  const where = step ? `, ${step.finishedAt ? 'after' : 'in'} the step ${step.name}` : ''
  return { name: 'lock file', says: `task ${oneLine(task.id, 100)}, locked ${moment(lockedAt)}${where}`, refusal: null }
}

function unreadable({ unreadable: why, path, agentId }: UnlockFacts): Check {
  return {
    name: 'lock file',
    says: `it cannot be read: ${oneLine(why ?? '', 300)}`,
    refusal: {
      exitCode: ERRORS.LOCK_FILE_UNREADABLE.exitCode,
      advice: `Look at ${tilde(path)}. A runner that starts as ${agentId} sets it aside too.`,
      givesUp: 'which task it was: the PM is not told, and the task stays locked there until that lock expires or somebody moves it',
    },
  }
}

function processes({ runs, agentId }: UnlockFacts): Check {
  const alive = runs.filter(({ processes: { supervisor, agent, others } }) => supervisor !== null || agent !== null || others.length > 0)
  if (alive.length === 0) return { name: 'processes', says: 'nothing of the run lives', refusal: null }
  const who = alive.map(({ processes: { supervisor, agent, others } }) => {
    const parts = [
      agent !== null && `the agent process ${agent}`,
      supervisor !== null && `its supervisor ${supervisor}`,
      others.length > 0 && `${agent === null ? 'the' : 'their'} processes ${others.slice(0, 8).join(', ')}`,
    ]
    return parts.filter(Boolean).join(', ')
  })
  const first = alive[0]!.processes
  const target = first.supervisor ?? first.agent ?? first.others[0]
  return {
    name: 'processes',
    says: `alive: ${who.join('; ')}`,
    refusal: {
      exitCode: ERRORS.AGENT_BUSY.exitCode,
      advice: `\`kill -TERM ${target}\` ends it in order; a runner that starts as ${agentId} adopts it.`,
      givesUp: `the work in hand: ${who.join('; ')} ${alive.length === 1 ? 'is' : 'are'} ended`,
    },
  }
}

function result(record: RunRecord, { attempt, agentId }: UnlockFacts): Check {
  if (isReported(record)) return { name: 'result', says: 'the PM has it already; it stays as it was reported', refusal: null }
  const waits = waitingResult(record, attempt)
  if (waits === null) return { name: 'result', says: 'none waits to be reported', refusal: null }
  return {
    name: 'result',
    says: waits,
    refusal: {
      exitCode: 1,
      advice: `Start the runner once as ${agentId}: it reports the result, and costs no token.`,
      givesUp: `a result: ${waits}, and never will be`,
    },
  }
}

function waitingResult(record: RunRecord, attempt: UnlockFacts['attempt']): string | null {
  const { disposition } = record
  const last = record.attempts.at(-1)
  if (disposition?.kind === 'abandon') return null
  if (disposition) return `what the run came to (${ENDS[disposition.reason].says}) is not reported yet`
  if (last?.ended && end(last.ended.reason).next === 'report') return `the work of attempt ${last.number} is done and not reported yet`
  if (last && !last.ended && attempt?.state === 'exited' && (attempt.exit.code === 0 || attempt.exit.cause === 'hung_after_result'))
    return `attempt ${last.number} has ended by itself, and its result is not reported yet`
  return null
}

function workspace(record: RunRecord, { checkout }: UnlockFacts): Check {
  const safe = (says: string): Check => ({ name: 'workspace', says, refusal: null })
  if (!checkout) return safe('none was made yet')
  const path = tilde(oneLine(checkout.path))
  if (checkout.state === 'none') return safe(`${path} is gone`)
  if (checkout.state === 'folder') return safe(`${path} is no git checkout; its files stay as they are`)
  if (checkout.state === 'unreadable')
    return {
      name: 'workspace',
      says: `git cannot read ${path}: ${oneLine(checkout.problem ?? '', 300)}`,
      refusal: {
        exitCode: ERRORS.GIT_FAILED.exitCode,
        advice: 'Mend what git complains of.',
        givesUp: `a copy of what is uncommitted in ${path}; it stays there as it is`,
      },
    }
  const stays = record.workspace?.kind === 'in-place' ? '' : `; the ${record.workspace?.kind ?? 'worktree'} stays`
  if (checkout.uncommitted.length === 0) return safe(`${path} has nothing uncommitted${stays}`)
  const move = record.workspace?.kind === 'in-place' ? 'moved' : 'copied'
  return safe(`${count(checkout.uncommitted.length, 'uncommitted file')} in ${path} to be ${move} to refs/agent-runner/ first${stays}`)
}

function task(record: RunRecord, { tracker }: UnlockFacts): Check {
  const safe = (says: string): Check => ({ name: 'task', says, refusal: null })
  if (isReported(record)) return safe('nothing to give back')
  const untold = 'what the PM knows: the task stays locked there until that lock expires or somebody moves it'
  if (!tracker || tracker.kind === 'elsewhere') {
    const advice =
      record.tracker.name === 'headless-pm'
        ? `Name its PM: --api-url ${record.tracker.url}`
        : 'Name its tracker with --tracker, and its repository with --repo.'
    const refusal = { exitCode: ERRORS.CONFIG_INVALID.exitCode, advice, givesUp: untold }
    return { name: 'task', says: oneLine(tracker?.message ?? 'the PM is not known', 400), refusal }
  }
  if (tracker.kind === 'unreachable') {
    const advice = tracker.advice || 'Try again when the PM answers.'
    return {
      name: 'task',
      says: `the PM cannot be told: ${oneLine(tracker.message, 300)}`,
      refusal: { exitCode: tracker.exitCode, advice, givesUp: untold },
    }
  }
  const { where, holding } = tracker
  if (holding === 'ours') return safe(`still this agent's at ${oneLine(where)}; to be given back`)
  if (holding === 'free') return safe(`held by nobody at ${oneLine(where)}`)
  if (holding === 'someone_else') return safe(`another agent has it at ${oneLine(where)}; nothing is written there`)
  return safe(`${holding === 'gone' ? 'not known' : 'at rest'} at ${oneLine(where)}; nothing is written there`)
}
