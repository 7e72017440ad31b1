import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RunnerError } from '../../src/core/errors.ts'
import type { RunnerContext } from '../../src/runner/context.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../support/agent-program.ts'
import { runnerStage } from '../support/runner-stage.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: 'All of it.' } as const
const withoutPauses = (context: { random: () => number }) => {
  context.random = () => 0
}
const done = `echo '${RESULT_LINE}'`

test('a runner goes on with task after task until it is asked to end', async () => {
  const stage = await runnerStage(done)
  const tasks = [await stage.board.addTask(draft), await stage.board.addTask(draft)]
  const stops = new Stops()
  const running = stage.run({ single: false, stops })
  const status = async () => Promise.all(tasks.map(async ({ id }) => (await stage.board.showTask(id)).status))
  await waitFor('both done', async () => (await status()).every(one => one === 'dev_done'))
  const late = await stage.board.addTask(draft)
  await waitFor('the late one done', async () => (await stage.board.showTask(late.id)).status === 'dev_done')
  stops.request()
  const { exitCode, events } = await running
  expect(exitCode).toBe(0)
  expect(events.filter(event => event.type === 'run_finished')).toHaveLength(3)
})

test('a request to end during a task finishes the task and takes no further one', async () => {
  const stage = await runnerStage(`while [ ! -e "$HOME/go" ]; do sleep 0.05; done; ${done}`)
  const first = await stage.board.addTask(draft)
  const second = await stage.board.addTask(draft)
  const stops = new Stops()
  const running = stage.run({ single: false, stops })
  await waitFor('the first under work', async () => (await stage.board.showTask(first.id)).status === 'under_work')
  stops.request()
  writeFileSync(join(stage.home, 'go'), '')
  expect((await running).exitCode).toBe(0)
  expect((await stage.board.showTask(first.id)).status).toBe('dev_done')
  expect((await stage.board.showTask(second.id)).status).toBe('created')
})

test('a single task that was not begun because the runner was asked to end is not told as done', async () => {
  const stage = await runnerStage(done)
  const { id } = await stage.board.addTask(draft)
  const stops = new Stops()
  stops.request()
  expect((await stage.run({ stops })).exitCode).toBe(12)
  expect((await stage.board.showTask(id)).status).toBe('created')
  expect((await stage.run({ single: false, stops })).exitCode).toBe(0)
})

test('while the health check fails no task is taken; when it succeeds again, tasks are', async () => {
  const hooks = { 'README.md': '', 'hooks/health_check.sh': 'test ! -e "$AGENT_RUNNER_TEST_SICK"\n' }
  const sick = join(process.cwd(), `node_modules/.sick-${process.pid}-${Math.random()}`)
  writeFileSync(sick, '')
  process.env.AGENT_RUNNER_TEST_SICK = sick
  try {
    const stage = await runnerStage(done, { files: hooks, env: { HEADLESS_PM_HEALTH_CHECK_INTERVAL: '0.2', AGENT_RUNNER_TEST_SICK: sick } })
    const { id } = await stage.board.addTask(draft)
    const stops = new Stops()
    let unhealthy = false
    const running = stage.run({
      single: false,
      stops,
      change: context => {
        const { emit } = context
        context.emit = (event, runId) => {
          emit(event, runId)
          if (event.type === 'health' && !event.ok) unhealthy = true
        }
      },
    })
    await waitFor('told that it is unhealthy', () => unhealthy)
    expect((await stage.board.showTask(id)).status).toBe('created')
    rmSync(sick)
    await waitFor('done', async () => (await stage.board.showTask(id)).status === 'dev_done')
    stops.request()
    expect((await running).exitCode).toBe(0)
  } finally {
    rmSync(sick, { force: true })
    delete process.env.AGENT_RUNNER_TEST_SICK
  }
})

test.each([true, false])('a failing health check only warns where that is set: the task is done (single task: %s)', async single => {
  const files = { 'README.md': '', 'hooks/health_check.sh': 'echo "the disk is old"; exit 1\n' }
  const stage = await runnerStage(done, { files, env: { HEADLESS_PM_ON_UNHEALTHY: 'warn' } })
  const { id } = await stage.board.addTask(draft)
  const stops = new Stops()
  const said: string[] = []
  const running = stage.run({
    single,
    stops,
    change: context => {
      const { emit } = context
      context.emit = (event, runId) => {
        emit(event, runId)
        if (event.type === 'health') said.push(event.message)
      }
    },
  })
  await waitFor('done', async () => (await stage.board.showTask(id)).status === 'dev_done')
  stops.request()
  await running
  expect(said).toEqual(['the disk is old; tasks are taken all the same'])
})

test('a machine that cannot begin a task is checked before it takes another one', async () => {
  // What is wrong came up after the last check of health, and the next one would be minutes away.
  const marks = tempFolder()
  const files = {
    'README.md': '',
    'hooks/pre_task.sh': `echo x >> '${marks}/tries'; : > '${marks}/sick'; exit 1\n`,
    'hooks/health_check.sh': `test ! -e '${marks}/sick'\n`,
  }
  const stage = await runnerStage(done, { files })
  const { id } = await stage.board.addTask(draft)
  const stops = new Stops()
  let unhealthy = false
  const running = stage.run({
    single: false,
    stops,
    change: context => {
      withoutPauses(context)
      const { emit } = context
      context.emit = (event, runId) => {
        emit(event, runId)
        if (event.type === 'health' && !event.ok) unhealthy = true
      }
    },
  })
  await waitFor('told that it is unhealthy', () => unhealthy)
  stops.request()
  expect((await running).exitCode).toBe(0)
  expect(readFileSync(join(marks, 'tries'), 'utf8')).toBe('x\n')
  expect((await stage.board.showTask(id)).status).toBe('created')
})

test('a tracker that is away for a while is outlived', async () => {
  const stage = await runnerStage(done)
  const { id } = await stage.board.addTask(draft)
  const { exitCode } = await stage.run({
    change: context => {
      context.random = () => 0
      const failing = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
        let calls = 0
        return async (...args: A) => {
          if (++calls < 3) throw new RunnerError('TRACKER_UNREACHABLE', 'connection refused')
          return call(...args)
        }
      }
      const { tracker } = context
      context.tracker = { ...tracker, claim: failing(tracker.claim), holding: failing(tracker.holding), report: failing(tracker.report) }
    },
  })
  expect(exitCode).toBe(0)
  expect((await stage.board.showTask(id)).notes.match(/\*\*Done\*\*/g)).toHaveLength(1)
})

test('an unreachable tracker at the start is an error of the start, after a few tries', async () => {
  const stage = await runnerStage(done)
  const running = stage.run({
    change: context => {
      context.random = () => 0
      context.tracker = { ...context.tracker, register: async () => Promise.reject(new RunnerError('TRACKER_UNREACHABLE', 'refused')) }
    },
  })
  await expect(running).rejects.toMatchObject({ code: 'TRACKER_UNREACHABLE', exitCode: 69 })
})

test('a task that is given back three times is parked, so that others get their turn', async () => {
  const hooks = { 'README.md': '', 'hooks/pre_task.sh': 'grep -q poison && exit 1; exit 0\n' }
  const stage = await runnerStage(done, { files: hooks })
  const poison = await stage.board.addTask({ ...draft, title: 'poison', priority: 5 })
  const good = await stage.board.addTask(draft)
  const stops = new Stops()
  const running = stage.run({ single: false, stops, change: withoutPauses })
  await waitFor('the good one done', async () => (await stage.board.showTask(good.id)).status === 'dev_done')
  stops.request()
  await running
  expect((await stage.board.showTask(poison.id)).status).toBe('pending')
})

test('restarts do not refresh the patience with a task that is given back; whoever puts it back into the queue does', async () => {
  const hooks = { 'README.md': '', 'hooks/pre_task.sh': 'exit 1\n' }
  const stage = await runnerStage(done, { files: hooks })
  const { id } = await stage.board.addTask(draft)
  const once = async () => {
    expect((await stage.run()).exitCode).toBe(10)
    return (await stage.board.showTask(id)).status
  }
  expect([await once(), await once(), await once(), await once()]).toEqual(['created', 'created', 'created', 'pending'])
  expect((await stage.run()).exitCode).toBe(14)
  await stage.board.requeueTask(id)
  expect(await once()).toBe('created')
})

test('what is wrong with the runner itself parks no task, however often it is started', async () => {
  const line =
    '{"type":"result","subtype":"success","is_error":true,"result":"Not logged in · Please run /login","api_error_status":null,"session_id":"s","total_cost_usd":0,"num_turns":0,"duration_ms":1,"usage":{"input_tokens":0,"output_tokens":0}}'
  const stage = await runnerStage(`echo '${line}'; exit 1`)
  const { id } = await stage.board.addTask(draft)
  for (let start = 0; start < 5; start++) expect((await stage.run()).exitCode).toBe(77)
  expect((await stage.board.showTask(id)).status).toBe('created')
})

test('while the agent CLI is gone no task is taken; when it is back, tasks are', async () => {
  const stage = await runnerStage(done)
  const { id } = await stage.board.addTask(draft)
  const gone = (context: RunnerContext) => {
    context.random = () => 0
    rmSync(context.agentCommand!)
  }
  await expect(stage.run({ change: gone })).rejects.toMatchObject({ code: 'AGENT_CLI_MISSING', exitCode: 78 })
  stage.agentDoes(done)
  const stops = new Stops()
  let told = 0
  const running = stage.run({
    single: false,
    stops,
    change: context => {
      gone(context)
      const { emit } = context
      context.emit = (event, runId) => {
        emit(event, runId)
        if (event.type === 'warning' && event.message.includes('is gone')) told++
      }
    },
  })
  await waitFor('told several times', () => told > 2)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'created', history: [{ kind: 'added' }] })
  stage.agentDoes(done)
  await waitFor('done', async () => (await stage.board.showTask(id)).status === 'dev_done')
  stops.request()
  expect((await running).exitCode).toBe(0)
})

test('a full disk at a save keeps the run; when there is room it goes on by itself and nothing is done twice', async () => {
  const stage = await runnerStage(`echo start >> "$HOME/starts"; ${done}`)
  const { id } = await stage.board.addTask(draft)
  const stops = new Stops()
  let failures = 0
  const running = stage.run({
    single: false,
    stops,
    change: context => {
      context.random = () => 0
      const { save } = context.journal
      context.journal.save = record => {
        if (record.steps.at(-1)?.name === 'collect' && failures < 2) {
          failures++
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
        }
        save(record)
      }
    },
  })
  await waitFor('done', async () => (await stage.board.showTask(id)).status === 'dev_done')
  stops.request()
  const { events } = await running
  expect(failures).toBe(2)
  expect(events.some(event => event.type === 'warning' && event.message.includes('ENOSPC'))).toBe(true)
  expect(readFileSync(join(stage.home, 'starts'), 'utf8')).toBe('start\n')
  expect(existsSync(join(stage.home, 'locks/agent-dev_001.lock'))).toBe(false)
})

test('an unfinished task of another tracker is refused with 78 and left as it is', async () => {
  const stage = await runnerStage('sleep 300')
  await stage.board.addTask(draft)
  const stops = new Stops()
  const stopAtStart = (context: Parameters<NonNullable<Parameters<typeof stage.run>[0]>['change'] & object>[0]) => {
    const { emit } = context
    context.emit = (event, runId) => {
      emit(event, runId)
      if (event.type === 'attempt_started') stops.detach()
    }
  }
  await stage.run({ stops, change: stopAtStart })
  const lock = readFileSync(join(stage.home, 'locks/agent-dev_001.lock'), 'utf8')
  const elsewhere = stage.run({
    change: context => {
      context.tracker = { ...context.tracker, url: 'http://elsewhere' }
    },
  })
  await expect(elsewhere).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  expect(readFileSync(join(stage.home, 'locks/agent-dev_001.lock'), 'utf8')).toBe(lock)
})
