import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { StampedEvent } from '../../src/core/event.ts'
import type { RunnerContext } from '../../src/runner/context.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../support/agent-program.ts'
import { type RunnerStage, runnerStage } from '../support/runner-stage.ts'
import { waitFor } from '../support/wait-for.ts'

const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: '' } as const
const done = `echo '${RESULT_LINE}'`
const result = (fields: Record<string, unknown>) =>
  `echo '${JSON.stringify({ ...JSON.parse(RESULT_LINE), is_error: true, terminal_reason: 'api_error', ...fields })}'; exit 1`

/** While `$HOME/down` is there the agent CLI ends in this way; else it does its work. */
const whileDown = (end: string) => `cat > /dev/null; echo start >> "$HOME/starts"; if [ -e "$HOME/down" ]; then ${end}; fi; ${done}`

const OUTAGES = {
  'the model API answers with 502': [result({ api_error_status: 502, result: 'API Error: 502 Bad Gateway.' }), 'api_error'],
  'a proxy says 403': [result({ api_error_status: 403, result: 'Failed to authenticate. API Error: 403 Forbidden' }), 'api_refused'],
  'nobody answers': [result({ api_error_status: null, result: 'API Error: Connection refused (ECONNREFUSED)' }), 'api_unreachable'],
  'the credit is spent': [result({ api_error_status: 400, result: 'Credit balance is too low' }), 'account_blocked'],
  'it refuses for a reason that nobody knows': [result({ api_error_status: 400, result: 'API Error: 400 Odd.' }), 'api_refused'],
} as const

const starts = (stage: RunnerStage) => readFileSync(join(stage.home, 'starts'), 'utf8').trim().split('\n').length
const statuses = async (stage: RunnerStage) => (await stage.board.listTasks({})).map(task => task.status).sort()
/** Hears all events, and does not wait long. */
const hearing = (events: StampedEvent[]) => (context: RunnerContext) => {
  const { emit } = context
  context.random = () => 0
  context.emit = (event, runId) => {
    emit(event, runId)
    events.push(event as StampedEvent)
  }
}

async function queueOf(tasks: number, script: string, env: Record<string, string> = {}) {
  const stage = await runnerStage(script, { env })
  writeFileSync(join(stage.home, 'down'), '')
  for (let n = 1; n <= tasks; n++) await stage.board.addTask({ ...draft, title: `Task ${n}` })
  return stage
}

test.each(Object.entries(OUTAGES))(
  'while %s no task is parked and no attempt counts; afterwards all are done',
  async (_, [end, reason]) => {
    const stage = await queueOf(3, whileDown(end), { HEADLESS_PM_MAX_ATTEMPTS: '1' })
    const stops = new Stops()
    const heard: StampedEvent[] = []
    const running = stage.run({ single: false, stops, change: hearing(heard) })
    await waitFor('some tries', () => existsSync(join(stage.home, 'starts')) && starts(stage) >= 4)
    // One task is held and tried, the others stay in the queue.
    expect(await statuses(stage)).toEqual(['created', 'created', 'under_work'])
    const waiting = heard.find(event => event.type === 'waiting')
    expect(waiting).toMatchObject({ advice: expect.stringContaining('again by itself') })
    rmSync(join(stage.home, 'down'))
    await waitFor('all are done', async () => (await statuses(stage)).every(status => status === 'dev_done'))
    stops.request()
    const { events } = await running
    const reasons = new Set(events.flatMap(event => (event.type === 'attempt_ended' ? event.end.reason : [])))
    expect([...reasons]).toEqual([reason, 'completed'])
    expect(existsSync(join(stage.home, 'outages/dev_001.json'))).toBe(false)
  },
)

test('an agent CLI that ends at once without a word parks nothing', async () => {
  const stage = await queueOf(2, done)
  // Not through the test's own agent, which says that it begins.
  const silent = `#!/bin/sh\nif [ "$1" = --version ]; then echo '2.1.329 (Claude Code)'; exit; fi\necho start >> "$HOME/starts"; exit 1\n`
  const speaking = readFileSync(join(stage.home, 'agent'), 'utf8')
  writeFileSync(join(stage.home, 'agent'), silent)
  const stops = new Stops()
  const running = stage.run({ single: false, stops, change: hearing([]) })
  await waitFor('some tries', () => existsSync(join(stage.home, 'starts')) && starts(stage) >= 4)
  expect(await statuses(stage)).toEqual(['created', 'under_work'])
  writeFileSync(join(stage.home, 'agent'), speaking)
  await waitFor('all are done', async () => (await statuses(stage)).every(status => status === 'dev_done'))
  stops.request()
  await running
})

test('a start in mid-outage waits for what is left of the pause, and counts on', async () => {
  const stage = await queueOf(2, whileDown(OUTAGES['nobody answers'][0]))
  const first = new Stops()
  const drain = (context: RunnerContext) => {
    const { emit } = context
    context.random = () => 0.999
    context.emit = (event, runId) => {
      emit(event, runId)
      if (event.type === 'waiting' && starts(stage) >= 2) first.request()
    }
  }
  expect((await stage.run({ single: false, stops: first, change: drain })).exitCode).toBe(0)
  const before = starts(stage)
  const noted = JSON.parse(readFileSync(join(stage.home, 'outages/dev_001.json'), 'utf8'))
  expect(noted).toMatchObject({ reason: 'api_unreachable', ends: before, said: expect.stringContaining('ECONNREFUSED') })
  rmSync(join(stage.home, 'down'))
  const stops = new Stops()
  const running = stage.run({ single: false, stops })
  await waitFor('all are done', async () => (await statuses(stage)).every(status => status === 'dev_done'))
  stops.request()
  const { events } = await running
  const started = events.find(event => event.type === 'attempt_started')!
  expect(Date.parse(started.at)).toBeGreaterThanOrEqual(noted.until)
})

test('one task alone is given back after as many tries as the agent has, and nothing is counted against it', async () => {
  const stage = await queueOf(1, whileDown(OUTAGES['the model API answers with 502'][0]))
  for (let round = 1; round <= 4; round++) {
    expect((await stage.run({ change: hearing([]) })).exitCode).toBe(69)
    expect(starts(stage)).toBe(3 * round)
    expect(await statuses(stage)).toEqual(['created'])
  }
  rmSync(join(stage.home, 'down'))
  expect((await stage.run({ change: hearing([]) })).exitCode).toBe(0)
})

/** Of four tasks the first is parked and the second goes back; once the fault is mended, the others are done. All events of it. */
async function expectOnlyFirstParked(stage: Awaited<ReturnType<typeof queueOf>>): Promise<StampedEvent[]> {
  const stops = new Stops()
  const heard: StampedEvent[] = []
  const running = stage.run({ single: false, stops, change: hearing(heard) })
  const ends = () => heard.flatMap(event => (event.type === 'run_finished' ? [event.status] : []))
  await waitFor('two ends', () => ends().length >= 2)
  expect(ends().slice(0, 2)).toEqual(['pending', 'created'])
  rmSync(join(stage.home, 'down'))
  await waitFor('the others are done', async () => (await statuses(stage)).filter(status => status === 'dev_done').length === 3)
  stops.request()
  await running
  return heard
}

test('tasks that end alike, one after the other and before anything was done, are not to blame: taking pauses, and only the first is parked', async () => {
  await expectOnlyFirstParked(await queueOf(4, whileDown('exit 3')))
})

const REFUSED = {
  'is longer than the model takes': [
    result({ api_error_status: 400, result: 'Prompt is too long', terminal_reason: 'prompt_too_long' }),
    'shorten',
  ],
  'is refused as malformed': [
    result({ api_error_status: 400, result: 'API Error: 400 messages.1: Expected `thinking`' }),
    'Read what it says',
  ],
} as const

test.each(Object.entries(REFUSED))('a first request that %s parks its task after one start, with advice', async (_, [end, advice]) => {
  const stage = await queueOf(1, whileDown(end))
  expect((await stage.run()).exitCode).toBe(10)
  expect(starts(stage)).toBe(1)
  const [task] = await stage.board.listTasks({})
  expect(task).toMatchObject({ status: 'pending', notes: expect.stringMatching(new RegExp(advice, 'i')) })
  expect(task!.notes).not.toContain('could not be resumed')
})

test.each(Object.entries(REFUSED))(
  'where the first request of every task %s it is no task’s fault: only the first is parked, and few are tried',
  async (_, [end]) => {
    const heard = await expectOnlyFirstParked(await queueOf(4, whileDown(end)))
    const second = heard.findIndex(event => event.type === 'run_finished' && event.status === 'created')
    expect(heard.slice(0, second).filter(event => event.type === 'attempt_started')).toHaveLength(2)
  },
)

test('a model that only the task names is the task’s own fault, and stops nobody', async () => {
  const unknown = result({ api_error_status: 404, result: 'An issue with the selected model (nope).' })
  const stage = await runnerStage(`case "$*" in *nope*) ${unknown};; esac; ${done}`)
  const { id } = await stage.board.addTask({ ...draft, model: 'nope' })
  const { exitCode } = await stage.run()
  expect(exitCode).toBe(10)
  expect(await stage.board.showTask(id)).toMatchObject({
    status: 'pending',
    notes: expect.stringContaining('the model that the task names'),
  })
})
