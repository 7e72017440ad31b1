import { describe, expect, test } from 'vitest'
import { ENDS, type EndReason } from '../../../src/core/ends.ts'
import { chooseAttempt } from '../../../src/runner/attempts/attempt-choice.ts'
import { anEnd, aTask, attempts } from '../../support/records.ts'

const policy = { maxAttempts: 3, maxInterruptions: 2, maxCostUsd: null, outageTries: Number.POSITIVE_INFINITY }
const choose = (list: ReturnType<typeof attempts>, over = {}) =>
  chooseAttempt({ attempts: list, task: aTask(), wishes: [], paused: false }, { ...policy, ...over })

test('a run without attempts starts its first', () => {
  expect(choose([])).toEqual({ do: 'start', part: 0, session: 'first', after: null })
})

test('an attempt that has not ended is followed, never doubled', () => {
  expect(choose(attempts('crashed', null))).toMatchObject({ do: 'follow', attempt: { number: 2 } })
})

test('a crash is resumed until the attempts are used up, then it stands', () => {
  expect(choose(attempts('crashed', 'crashed'))).toEqual({ do: 'start', part: 0, session: 'resume', after: 'crashed' })
  expect(choose(attempts('crashed', 'silent', 'crashed'))).toEqual({ do: 'finish', reason: 'crashed' })
})

test('kills from outside have a budget of their own, so that they never use up the attempts', () => {
  expect(choose(attempts('killed', 'killed'))).toMatchObject({ do: 'start', part: 0, session: 'resume' })
  expect(choose(attempts('killed', 'killed', 'killed'))).toEqual({ do: 'finish', reason: 'killed' })
  expect(choose(attempts('killed', 'killed', 'crashed', 'crashed'))).toMatchObject({ do: 'start' })
})

test('usage limits and stops of the runner are charged to nothing', () => {
  expect(choose(attempts(...Array<EndReason>(20).fill('usage_limit')))).toMatchObject({ do: 'start', part: 0, session: 'resume' })
  expect(choose(attempts(...Array<EndReason>(20).fill('stopped')))).toMatchObject({ do: 'start', part: 0, session: 'resume' })
})

const OUTAGES = (Object.keys(ENDS) as EndReason[]).filter(reason => {
  const { surroundings, wait } = ENDS[reason]
  return surroundings === 'fail' && wait === 'backoff'
})

test.each(OUTAGES)('%s is charged to nothing: a runner that stays waits for as long as it takes', reason => {
  expect(choose(attempts(...Array<EndReason>(50).fill(reason)))).toMatchObject({ do: 'start', part: 0 })
  expect(choose(attempts('crashed', 'crashed', reason))).toMatchObject({ do: 'start' })
})

test('who asks for one task waits for so many failures of the surroundings in a row, whatever their cause', () => {
  const tries = { outageTries: 3 }
  expect(choose(attempts('api_error', 'api_unreachable'), tries)).toMatchObject({ do: 'start' })
  expect(choose(attempts('api_error', 'crashed', 'api_error', 'api_unreachable'), tries)).toMatchObject({ do: 'start' })
  expect(choose(attempts('api_error', 'no_start', 'api_unreachable'), tries)).toEqual({ do: 'finish', reason: 'api_unreachable' })
  // The end of a limit is known.
  expect(choose(attempts('usage_limit', 'usage_limit', 'usage_limit'), tries)).toMatchObject({ do: 'start' })
})

test('a conversation that is refused twice is begun afresh', () => {
  expect(choose(attempts('crashed', 'api_refused'))).toMatchObject({ session: 'resume' })
  expect(choose(attempts('api_refused', 'api_refused'))).toMatchObject({ session: 'afresh' })
  expect(choose(attempts('api_error', 'api_error', 'api_error'))).toMatchObject({ session: 'resume' })
})

test.each(['session_broken', 'session_outgrown'] as const)('%s: another session is tried, and no third one', reason => {
  expect(choose(attempts('killed', reason))).toMatchObject({ do: 'start', session: 'afresh' })
  expect(choose(attempts(reason, 'killed', reason))).toMatchObject({ do: 'start', session: 'afresh' })
  expect(choose(attempts(reason, reason))).toEqual({ do: 'finish', reason })
})

test('a lost session begins afresh', () => {
  expect(choose(attempts('session_lost'))).toMatchObject({ do: 'start', part: 0, session: 'afresh' })
})

test('money is counted over all attempts and ends the run when it is spent', () => {
  expect(choose(attempts('crashed', 'crashed'), { maxCostUsd: 1 })).toEqual({ do: 'finish', reason: 'over_budget' })
  expect(choose(attempts('crashed'), { maxCostUsd: 1 })).toMatchObject({ do: 'start' })
  const own = chooseAttempt(
    { attempts: attempts('crashed'), task: aTask({ maxCostUsd: 0.1 }), wishes: [], paused: false },
    { ...policy, maxCostUsd: 100 },
  )
  expect(own).toEqual({ do: 'finish', reason: 'over_budget' })
})

describe('every reason of the table', () => {
  for (const reason of Object.keys(ENDS) as EndReason[])
    test(`${reason} is either final or tried again within a bound`, () => {
      const list = attempts(reason)
      list[0]!.ended = anEnd(reason, { costUsd: 0 })
      const choice = choose(list)
      const again = ['retry', 'wait', 'keep'].includes(ENDS[reason].next)
      expect(choice.do).toBe(again ? 'start' : 'finish')
      if (ENDS[reason].next === 'retry') expect(ENDS[reason].counts).not.toBe('nothing')
    })
})
