import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunnerContext } from '../../../src/runner/context.ts'
import { Stops } from '../../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../../support/agent-program.ts'
import { processesOf, type RunnerStage, runnerStage } from '../../support/runner-stage.ts'
import { waitFor } from '../../support/wait-for.ts'

const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: 'All of it.' } as const
const done = `echo '${RESULT_LINE}'`
/** A shell script that behaves differently at each start. */
const byStart = (...scripts: string[]) =>
  `n=$(ls "$HOME" | grep -c '^start-'); touch "$HOME/start-$n"; echo "$@" > "$HOME/args-$n"; cat > "$HOME/prompt-$n"; case $n in ${scripts
    .map((script, n) => `${n}) ${script};;`)
    .join(' ')} esac`
const read = (stage: RunnerStage, name: string) => readFileSync(join(stage.home, name), 'utf8')
const noWait = {
  change: (context: { random: () => number }) => {
    context.random = () => 0
  },
}

/** The time in seconds, or a piece of shell for it. */
const limited = (resetsAt: number | string) =>
  `echo '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","rateLimitType":"five_hour","resetsAt":${resetsAt}}}'; echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"You have hit your session limit","session_id":"s","total_cost_usd":0,"num_turns":1,"duration_ms":1,"usage":{"input_tokens":0,"output_tokens":0}}'; exit 1`

test('at a usage limit the runner waits exactly until it ends, resumes, and does not count the attempt', async () => {
  // From the moment at which the limit is told, however long the start took.
  const inAWhile = `at=$(($(date +%s) + 4)); echo $at > "$HOME/resets"; ${limited("'$at'")}`
  const stage = await runnerStage(byStart(inAWhile, done), { env: { HEADLESS_PM_MAX_ATTEMPTS: '1' } })
  const { id } = await stage.board.addTask(draft)
  const { exitCode, events } = await stage.run()
  const resetsAt = Number(read(stage, 'resets')) * 1000
  expect(exitCode).toBe(0)
  expect(Date.now()).toBeGreaterThanOrEqual(resetsAt)
  expect(events.find(event => event.type === 'waiting')).toMatchObject({ untilMs: resetsAt })
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done' })
})

test('a drain ends the wait at a usage limit at once, and the next start goes on with the task', async () => {
  const stage = await runnerStage(byStart(limited(Math.ceil(Date.now() / 1000) + 3600), done))
  const { id } = await stage.board.addTask(draft)
  const stops = new Stops()
  const { exitCode } = await stage.run({
    stops,
    change: context => {
      const { emit } = context
      context.emit = (event, runId) => {
        emit(event, runId)
        if (event.type === 'waiting') stops.request()
      }
    },
  })
  expect(exitCode).toBe(12)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'under_work', lockedBy: 'dev_001' })
  const later = await stage.run({
    change: context => {
      const { now, uptime } = context.clock
      context.clock = { ...context.clock, now: () => now() + 7_200_000, uptime: () => uptime() + 7_200_000 }
    },
  })
  expect(later.exitCode).toBe(0)
})

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

test.each([-HOUR, YEAR])(
  'a wait lasts for the next runner what it lasted for the one before, also when the clock is set by %i ms between them',
  async by => {
    const inAWhile = `at=$(($(date +%s) + 4)); echo $at > "$HOME/resets"; ${limited("'$at'")}`
    const stage = await runnerStage(byStart(inAWhile, done))
    const { id } = await stage.board.addTask(draft)
    const stops = new Stops()
    await stage.run({
      stops,
      change: context => {
        const { emit } = context
        context.emit = (event, runId) => {
          emit(event, runId)
          if (event.type === 'waiting') stops.request()
        }
      },
    })
    const { exitCode, events } = await stage.run({
      change: (context: RunnerContext) => {
        context.clock = { ...context.clock, now: () => Date.now() + by }
        // Its own file tells the same; here it is about the journal.
        context.usageLimit = { until: () => null, reached() {} }
      },
    })
    expect(exitCode).toBe(0)
    const resumed = events.find(event => event.type === 'attempt_started')!
    expect(Date.parse(resumed.at)).toBeGreaterThanOrEqual(Number(read(stage, 'resets')) * 1000)
    expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done' })
  },
)

test.each([
  { wrong: 'a year ahead', by: YEAR },
  { wrong: 'a year behind', by: -YEAR },
])('where the clock is $wrong a limit is waited for as long as one without a time, and not met again and again', async ({ by }) => {
  const stage = await runnerStage(byStart(limited("'$(($(date +%s) + 3600))'"), done), { env: { HEADLESS_PM_USAGE_LIMIT_WAIT: '1' } })
  await stage.board.addTask(draft)
  const { exitCode, events } = await stage.run({
    change: context => {
      context.clock = { ...context.clock, now: () => Date.now() + by }
    },
  })
  expect(exitCode).toBe(0)
  const [ended, waiting] = events.filter(event => event.type === 'attempt_ended' || event.type === 'waiting')
  const lasts = waiting?.type === 'waiting' ? waiting.untilMs - by - Date.parse(ended!.at) : 0
  expect(lasts).toBeGreaterThan(500)
  expect(lasts).toBeLessThanOrEqual(1_100)
  expect(events.filter(event => event.type === 'attempt_started')).toHaveLength(2)
})

test('an agent that crashes is resumed with the news of what it left, and its work goes on in the same workspace', async () => {
  const stage = await runnerStage(byStart('echo half > half.txt; exit 1', `test -e half.txt && ${done}`))
  const { id } = await stage.board.addTask(draft)
  expect((await stage.run(noWait)).exitCode).toBe(0)
  expect(stage.git('show', `feature/task-${id}:half.txt`)).toBe('half')
  expect(read(stage, 'prompt-1')).toContain('half.txt')
  expect(read(stage, 'prompt-1')).toContain('interrupted')
})

test('a session without a transcript begins afresh under a new id', async () => {
  const stage = await runnerStage(byStart('exit 1', done))
  await stage.board.addTask(draft)
  await stage.run(noWait)
  const session = (n: number) => /--(session-id|resume) (\S+)/.exec(read(stage, `args-${n}`))
  expect(session(0)![1]).toBe('session-id')
  expect(session(1)![1]).toBe('session-id')
  expect(session(1)![2]).not.toBe(session(0)![2])
  expect(read(stage, 'prompt-1')).toContain('All of it.')
})

test("a task's money is counted over its attempts and given on to each as what is left", async () => {
  const failed = `echo '${RESULT_LINE.replace('"is_error":false', '"is_error":true,"api_error_status":500').replace('0.01', '0.40')}'; exit 1`
  const stage = await runnerStage(byStart(failed, done))
  await stage.board.addTask({ ...draft, maxCostUsd: 1 })
  await stage.run(noWait)
  expect(read(stage, 'args-0')).toContain('--max-budget-usd 1.0000')
  expect(read(stage, 'args-1')).toContain('--max-budget-usd 0.6000')
})

test('a second request to end stops the agent, keeps task, session and workspace, and the next start goes on', async () => {
  const stage = await runnerStage(byStart('echo half > half.txt; sleep 300', done))
  const { id } = await stage.board.addTask(draft)
  const stops = new Stops()
  const { exitCode, events } = await stage.run({
    stops,
    change: context => {
      const { emit } = context
      context.emit = (event, runId) => {
        emit(event, runId)
        if (event.type !== 'attempt_started') return
        // Only what has begun counts as its first start.
        void waitFor('the agent at work', () => existsSync(join(stage.home, 'prompt-0'))).then(() => {
          stops.request()
          stops.request()
        })
      }
    },
  })
  expect(exitCode).toBe(12)
  expect(processesOf(events)).toBe(0)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'under_work' })
  expect(existsSync(join(stage.repo, `.worktrees/task-${id}`))).toBe(true)
  expect((await stage.run()).exitCode).toBe(0)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done' })
})

test('unread mentions reach the agent with its task and are then read', async () => {
  const stage = await runnerStage(byStart(done))
  const { id } = await stage.board.addTask(draft)
  await stage.board.addNote(id, '@dev_001 mind the umlauts', 'pm_1')
  await stage.run()
  expect(read(stage, 'prompt-0')).toContain('mind the umlauts')
  expect(await stage.board.mentions({ id: 'dev_001', role: 'backend_dev', level: 'senior' })).toEqual([])
})

test('a lock that expired at the tracker is taken again by the heartbeat', async () => {
  const stage = await runnerStage(byStart(`while [ ! -e "$HOME/go" ]; do sleep 0.05; done; ${done}`), {
    env: { HEADLESS_PM_HEARTBEAT_INTERVAL: '0.1' },
  })
  const { id } = await stage.board.addTask(draft)
  const { events } = await stage.run({
    change: context => {
      let beats = 0
      const { heartbeat } = context.tracker
      context.tracker.heartbeat = async (agent, task, signal) => {
        beats++
        if (beats === 2) return 'free'
        if (beats === 4) await import('node:fs').then(fs => fs.writeFileSync(join(stage.home, 'go'), ''))
        return heartbeat(agent, task, signal)
      }
    },
  })
  expect(events.some(event => event.type === 'warning' && event.message.includes('taken again'))).toBe(true)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done' })
})

test('the environment of the agent holds the tag of its run and no secret of the PM', async () => {
  const stage = await runnerStage(byStart(`env > "$HOME/env"; ${done}`), { env: { HEADLESS_PM_TRACKER: 'embedded', API_KEY: 'secret-1' } })
  await stage.board.addTask(draft)
  await stage.run()
  expect(read(stage, 'env')).toMatch(/^AGENT_RUNNER_RUN_ID=run_/m)
  expect(read(stage, 'env')).not.toContain('secret-1')
  for (const run of readdirSync(join(stage.home, 'runs')))
    for (const name of ['events.jsonl', 'attempts/1/attempt.json', 'result.json'])
      expect(read(stage, `runs/${run}/${name}`)).not.toContain('secret-1')
})

test('the text of a task reaches neither arguments nor environment of the agent', async () => {
  const stage = await runnerStage(byStart(`env > "$HOME/env"; ${done}`))
  await stage.board.addTask({ ...draft, title: '$(touch /tmp/owned) --evil', description: '`id` "; rm -rf / #' })
  await stage.run()
  for (const file of ['args-0', 'env']) {
    expect(read(stage, file)).not.toContain('evil')
    expect(read(stage, file)).not.toContain('rm -rf')
  }
  expect(read(stage, 'prompt-0')).toContain('$(touch /tmp/owned) --evil')
})

test('a run that was given back and is taken again goes on under its id with a new attempt', async () => {
  const recorded = join(import.meta.dirname, '../../fixtures/claude/not-logged-in.jsonl')
  const refused = `tail -n +2 ${recorded} | sed -E 's/("session_id":)"[^"]*"/\\1"s"/'; exit 1`
  const stage = await runnerStage(byStart(refused, done))
  const { id, runId } = await stage.board.addTask(draft)
  expect((await stage.run()).exitCode).toBe(77)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'created', runId })
  expect((await stage.run()).exitCode).toBe(0)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done', lastRunId: runId })
  expect(readdirSync(join(stage.home, 'runs', runId!, 'attempts')).sort()).toEqual(['1', '2'])
})
