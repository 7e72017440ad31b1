import type { Holding } from '../../core/ports/tracker.ts'
import { count, moment } from '../../core/text/words.ts'
import { oneLine } from '../output/clean.ts'
import { tilde } from '../output/tilde.ts'
import type { Facts } from './facts.ts'

/** One thing that is true now. */
export interface True {
  about: 'runner' | 'agent process' | 'lock file' | 'task' | 'workspace'
  text: string
}

/** What each answer of a tracker means, in words that follow `the task is`. */
const HOLDING_WORDS: Record<Holding, string> = {
  ours: 'locked by this agent and under work',
  free: 'held by nobody; it can be taken',
  someone_else: 'held by another agent',
  finished: 'at rest: done, parked or cancelled',
  gone: 'not known there any more',
}

/** The facts that are true now about processes, lock, tracker and git. */
export function whatIsTrue(facts: Facts): True[] {
  const { agentId, task, checkout } = facts
  const all: True[] = []
  if (agentId !== null) all.push({ about: 'runner', text: runner(facts) })
  const process = agentProcess(facts)
  if (process !== null) all.push({ about: 'agent process', text: process })
  if (agentId !== null) all.push({ about: 'lock file', text: lockFile(facts) })
  if (facts.tracker && task) all.push({ about: 'task', text: tracker(facts.tracker) })
  if (checkout) all.push({ about: 'workspace', text: workspace(checkout) })
  return all
}

function runner({ runner: holder, record, limitUntil, now }: Facts): string {
  if (!holder) return 'none runs here now'
  const waits = !record && limitUntil !== null && limitUntil > now
  const until = waits ? `; it waits for the usage limit of its account until ${moment(new Date(limitUntil).toISOString(), now)}` : ''
  return `process ${holder.process.pid} is alive, since ${moment(holder.since, now)}${until}`
}

function agentProcess({ attempt, processes, now }: Facts): string | null {
  const others = processes.others.length > 0 ? `other processes of the run: ${processes.others.slice(0, 8).join(', ')}` : ''
  if (!attempt) return others ? `no attempt; ${others}` : null
  const { number, state } = attempt
  const also = others ? `; ${others}` : ''
  if (state.state === 'alive') {
    const who = processes.agent === null ? 'is being started' : `is alive as process ${processes.agent}`
    return `attempt ${number} ${who}${processes.supervisor === null ? '' : ` under its supervisor ${processes.supervisor}`}${also}`
  }
  if (state.state === 'exited') {
    const { code, signal, cause, endedAt } = state.exit
    const how = signal ? `by ${signal}` : `with exit code ${code ?? 'unknown'}`
    return `attempt ${number} ended ${how} at ${moment(endedAt, now)}${cause ? `, ended by its supervisor (${cause.replaceAll('_', ' ')})` : ''}${also}`
  }
  if (state.state === 'gone') return `attempt ${number} vanished with its supervisor: killed, or the machine went down${also}`
  return `attempt ${number} was decided and never started${also}`
}

function lockFile({ lock, record, otherRun, now }: Facts): string {
  if (!lock) return 'none: nothing is unfinished'
  if (lock.problem !== null) return `${tilde(lock.path)} cannot be read: ${oneLine(lock.problem)}`
  if (otherRun !== null) return `none of this run; the agent's is about ${otherRun}`
  const step = record?.steps.at(-1)
  const where = step ? `, ${step.finishedAt ? 'after' : 'in'} the step ${step.name}` : ''
  return `${tilde(lock.path)}, since ${moment(record?.lockedAt ?? '', now)}${where}`
}

function tracker(answer: NonNullable<Facts['tracker']>): string {
  if (answer.kind === 'answered') return `${oneLine(answer.where)} says: ${HOLDING_WORDS[answer.holding]}`
  if (answer.kind === 'unreachable') return `${oneLine(answer.where)} was asked and did not answer: ${oneLine(answer.message, 300)}`
  return `not asked: ${oneLine(answer.message, 300)}`
}

function workspace(view: NonNullable<Facts['checkout']>): string {
  const path = tilde(oneLine(view.path))
  const kept = view.rescued.length > 0 ? `; ${count(view.rescued.length, 'piece')} kept under refs/agent-runner/` : ''
  if (view.state === 'none') return `${path} is gone${kept}`
  if (view.state === 'folder') return `${path} is no git checkout${kept}`
  if (view.state === 'unreadable') return `git cannot read ${path}: ${oneLine(view.problem ?? '', 300)}`
  const parts = [
    view.branch === null ? 'on no branch' : `on ${oneLine(view.branch)}`,
    view.commits ? `${count(view.commits, 'commit')} since it began` : null,
    view.uncommitted.length === 0
      ? 'nothing uncommitted'
      : `${count(view.uncommitted.length, 'file')} uncommitted (${some(view.uncommitted)})`,
    view.operation && `an unfinished ${view.operation}`,
  ]
  return `${path} ${parts.filter(Boolean).join(', ')}${kept}`
}

function some(paths: string[]): string {
  const shown = paths.slice(0, 3).map(path => oneLine(path, 100))
  return paths.length > 3 ? `${shown.join(', ')} and ${paths.length - 3} more` : shown.join(', ')
}
