import { ENDS, type EndReason, end } from '../../core/ends.ts'
import { outageWait, outageWords } from '../../core/outage.ts'
import { oneLine } from '../output/clean.ts'
import type { Facts } from './facts.ts'

/** The state, in a word for programs and a sentence for people. */
export interface Standing {
  state: 'idle' | 'queued' | 'working' | 'waiting' | 'paused' | 'orphaned' | 'interrupted' | 'unreadable' | 'ended' | 'unknown'
  says: string
}

/** The one sentence at the top. */
export function standing(facts: Facts): Standing {
  const { record, runner, attempt, lock, result, now } = facts
  if (lock && lock.problem !== null && !result) return { state: 'unreadable', says: 'its lock file cannot be read' }
  if (record) {
    const alive = attempt?.state.state === 'alive'
    if (!runner) {
      return alive
        ? { state: 'orphaned', says: 'its runner is dead; the agent works on under its supervisor' }
        : { state: 'interrupted', says: 'unfinished, and no runner is there; the next start goes on' }
    }
    if (record.paused) return { state: 'paused', says: 'paused' }
    if (facts.waitsUntil !== null) {
      const ended = record.attempts.at(-1)?.ended
      if (!ended) return { state: 'waiting', says: 'waiting' }
      const { surroundings, says } = end(ended.reason)
      const words = surroundings === 'fail' ? outageWords({ reason: ended.reason, said: ended.text }).message : says
      return { state: 'waiting', says: `waiting: ${oneLine(words, 500)}` }
    }
    return { state: 'working', says: 'at work' }
  }
  if (result) {
    const says = Object.hasOwn(ENDS, result.reason) ? end(result.reason as EndReason).says : oneLine(result.reason, 64)
    return { state: 'ended', says: result.status === 'pending' ? `${says}; parked` : says }
  }
  if (facts.runId !== null) return { state: 'unknown', says: 'neither unfinished nor ended, as far as this machine knows' }
  if (runner && facts.limitUntil !== null && facts.limitUntil > now)
    return { state: 'waiting', says: `waiting with no task in hand: ${end('usage_limit').says}` }
  if (runner && facts.outage && outageWait(facts.outage))
    return { state: 'waiting', says: `waiting with no task in hand: ${oneLine(outageWords(facts.outage).message, 500)}` }
  return runner ? { state: 'idle', says: 'idle: it waits for a task' } : { state: 'unknown', says: 'nothing is known of it here' }
}
