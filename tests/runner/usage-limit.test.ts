import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { waitOf } from '../../src/core/wait.ts'
import { systemClock } from '../../src/machine/limits/clock.ts'
import { openUsageLimit } from '../../src/machine/limits/usage-limit.ts'
import type { RunnerContext } from '../../src/runner/context.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../support/agent-program.ts'
import { runnerStage } from '../support/runner-stage.ts'
import { waitFor } from '../support/wait-for.ts'

const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: '' } as const
const ACCOUNT = { env: { ANTHROPIC_API_KEY: 'sk-ant-shared' } }
const limited = (resetsAt: number, window = 'five_hour') =>
  `echo '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","rateLimitType":"${window}","resetsAt":${resetsAt}}}'; echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"limit","session_id":"s","total_cost_usd":0,"num_turns":1,"duration_ms":1,"usage":{"input_tokens":0,"output_tokens":0}}'; exit 1`
const done = `echo start >> "$HOME/starts"; echo '${RESULT_LINE}'`

/** A runner whose agent meets a limit; it is drained in the wait, so that only what it wrote is left of it. */
async function meetLimit(resetsAt: number, window?: string) {
  const stage = await runnerStage(limited(resetsAt, window), ACCOUNT)
  await stage.board.addTask(draft)
  const stops = new Stops()
  const change = (context: RunnerContext) => {
    const { emit } = context
    context.emit = (event, runId) => {
      emit(event, runId)
      if (event.type === 'waiting') stops.request()
    }
  }
  expect((await stage.run({ stops, change })).exitCode).toBe(12)
  return stage
}

/** Another runner of the same machine. */
const beside = (home: string) => (context: RunnerContext) => {
  context.usageLimit = openUsageLimit({ home, account: () => context.agent.account(), clock: systemClock })
}

/** A runner beside it meets a limit of a second and a half, at the moment at which this one asks and `met` holds. */
function limitedMeanwhile(context: RunnerContext, met: () => boolean) {
  const shared = context.usageLimit
  const limit = { until: 0 }
  context.usageLimit = {
    ...shared,
    until() {
      if (limit.until === 0 && met()) {
        const wait = waitOf(1_500, systemClock)
        limit.until = wait.until
        openUsageLimit({ home: context.home, account: () => context.agent.account(), clock: systemClock }).reached(wait)
      }
      return shared.until()
    },
  }
  return limit
}

test('while the account is limited no task is taken; when it no longer is, the task is done', async () => {
  const stage = await runnerStage(done, ACCOUNT)
  const { id } = await stage.board.addTask(draft)
  let limit = { until: 0 }
  const { exitCode, events } = await stage.run({
    change: context => {
      limit = limitedMeanwhile(context, () => true)
    },
  })
  expect(exitCode).toBe(0)
  expect(events[0]).toMatchObject({ type: 'waiting', untilMs: limit.until, message: 'the usage limit is reached', runId: null })
  expect(Date.parse(events.find(event => event.type === 'task_taken')!.at)).toBeGreaterThanOrEqual(limit.until)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done' })
})

test('what one runner met, another of the account waits for; a drain ends the wait at once, and the task stays with the tracker', async () => {
  const { home } = await meetLimit(Math.ceil(Date.now() / 1000) + 3600)
  const other = await runnerStage(done, ACCOUNT)
  const { id } = await other.board.addTask(draft)
  const stops = new Stops()
  let waiting = false
  const running = other.run({
    single: false,
    stops,
    change: context => {
      beside(home)(context)
      const { emit } = context
      context.emit = (event, runId) => {
        emit(event, runId)
        waiting ||= event.type === 'waiting'
      }
    },
  })
  await waitFor('it waits', () => waiting)
  expect((await other.board.showTask(id)).status).toBe('created')
  stops.request()
  expect((await running).exitCode).toBe(0)
  expect(await other.board.showTask(id)).toMatchObject({ status: 'created', lockedBy: null })
  expect(existsSync(join(other.home, 'starts'))).toBe(false)
})

test('with a task in hand the next attempt waits, too', async () => {
  const stage = await runnerStage('echo start >> "$HOME/starts"; exit 1', ACCOUNT)
  await stage.board.addTask(draft)
  let limit = { until: 0 }
  const { events } = await stage.run({
    change: context => {
      context.random = () => 0
      limit = limitedMeanwhile(context, () => existsSync(join(stage.home, 'starts')))
    },
  })
  const starts = events.filter(event => event.type === 'attempt_started').map(event => Date.parse(event.at))
  expect(starts).toHaveLength(3)
  expect(starts[0]).toBeLessThan(limit.until)
  expect(starts[1]).toBeGreaterThanOrEqual(limit.until)
})

test('a limit of one model alone is nobody else’s', async () => {
  const { home } = await meetLimit(Math.ceil(Date.now() / 1000) + 3600, 'seven_day_opus')
  expect(readdirSync(home)).not.toContain('limits')
})

test('a runner with another account does not wait', async () => {
  const { home } = await meetLimit(Math.ceil(Date.now() / 1000) + 3600)
  const other = await runnerStage(done, { env: { ANTHROPIC_API_KEY: 'sk-ant-other' } })
  await other.board.addTask(draft)
  const { exitCode, events } = await other.run({ change: beside(home) })
  expect({ exitCode, waited: events.some(event => event.type === 'waiting') }).toEqual({ exitCode: 0, waited: false })
})
