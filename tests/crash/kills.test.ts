import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentProgram } from '../support/agent-program.ts'
import { type CrashStage, embeddedStage, headlessPmStage, type RunnerProcess } from '../support/crash-stage.ts'
import { expectDoneOnce, expectNothingLost } from '../support/invariants.ts'
import { waitFor } from '../support/wait-for.ts'

type Kill = (stage: CrashStage, runner: RunnerProcess) => Promise<void>

async function killRunner(_: CrashStage, runner: RunnerProcess): Promise<void> {
  runner.signal('SIGKILL')
  await runner.exit
}

/** Who is killed while the agent is at work, and how often the agent is started in all. */
const KILLS: Record<string, { kill: Kill; starts: number }> = {
  'the runner': { kill: killRunner, starts: 1 },
  'the supervisor': { kill: stage => stage.killSupervisor(), starts: 2 },
  'the agent': { kill: stage => stage.killAgent(), starts: 2 },
  'runner and supervisor': {
    kill: async (stage, runner) => {
      await killRunner(stage, runner)
      await stage.killSupervisor()
    },
    starts: 2,
  },
  'runner, supervisor and agent': {
    kill: async (stage, runner) => {
      await killRunner(stage, runner)
      await stage.killSupervisor()
      await stage.killAgent()
    },
    starts: 2,
  },
  'supervisor and runner at once': {
    kill: async (stage, runner) => {
      const killed = stage.killSupervisor()
      runner.signal('SIGKILL')
      await Promise.all([killed, runner.exit])
    },
    starts: 2,
  },
}

/** After 0 the agent has begun nothing, after 3 it has only its last word left to say. Minor tasks work in place. */
const cases = Object.entries(KILLS).flatMap(([who, how], n) => {
  const places = who.startsWith('runner') ? [0, 1, 3] : [[0, 1, 3][n % 3]!]
  return places.map(piece => ({ who, piece, complexity: piece === 3 ? ('minor' as const) : ('major' as const), ...how }))
})

test.for(cases)(
  '$who killed after piece $piece: the task is done once, and nothing of it is lost',
  async ({ kill, piece, complexity, starts }) => {
    const stage = await (piece === 1 ? headlessPmStage() : embeddedStage())
    const id = await stage.board.add('Make it so', complexity)
    stage.agent.hold(piece)
    const runner = stage.start()
    await waitFor(
      'the agent is held',
      () => stage.attempt()?.agent && stage.agent.starts().length === 1 && stage.agent.written().length === piece,
    )
    await kill(stage, runner)
    const last = runner.running() ? runner : stage.start()
    await waitFor('an agent at work', () => stage.agent.starts().length === starts)
    stage.agent.letGo()
    expect(await last.exit, last.output()).toEqual({ code: 0, signal: null })
    expect(stage.agent.starts()).toHaveLength(starts)
    await expectDoneOnce(stage, id)
  },
)

test('killed again and again at all moments, a run still ends once', async () => {
  const stage = await embeddedStage()
  const id = await stage.board.add('Make it so', 'major')
  for (let ms = 60; ; ms += 45) {
    const runner = stage.start()
    const timer = setTimeout(() => runner.signal('SIGKILL'), ms)
    const exit = await runner.exit
    clearTimeout(timer)
    if (exit.signal) continue
    // 14: it was killed after the lock file was gone.
    expect([0, 14], runner.output()).toContain(exit.code)
    break
  }
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test.for([
  ['started:agent', 'ended:agent', 'done:agent'],
  ['done:workspace', 'before:workspace', 'done:workspace'],
  ['done:collect', 'done:collect', 'done:collect'],
  ['done:report', 'done:report', 'before:report'],
  ['done:cleanup', 'done:cleanup', 'done:cleanup'],
  ['done:claim', 'before:claim', 'done:claim', 'decided:agent', 'done:release'],
])('killed again during the recovery (%s)', async points => {
  const stage = await headlessPmStage()
  const id = await stage.board.add('Make it so', 'major')
  for (const point of points) await stage.killedAt(point)
  await stage.finish()
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test('recovery done twice does nothing new', async () => {
  const stage = await embeddedStage()
  const id = await stage.board.add('Make it so', 'major')
  await stage.killedAt('done:report')
  await stage.finish()
  const picture = async () => [await stage.board.task(id), stage.git('for-each-ref'), stage.runs(), stage.events()]
  const before = await picture()
  await stage.finish(14)
  await stage.finish(14)
  expect(await picture()).toEqual(before)
})

test('kills from outside are counted apart from failures of the agent, and on disk', async () => {
  const stage = await embeddedStage({ env: { HEADLESS_PM_MAX_ATTEMPTS: '1', HEADLESS_PM_MAX_INTERRUPTIONS: '2' } })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(1)
  for (let n = 1; n <= 2; n++) {
    const runner = stage.start()
    await waitFor('an agent', () => stage.agent.starts().length === n && stage.attempt(n)?.agent)
    await killRunner(stage, runner)
    await stage.killSupervisor(n)
    await stage.killAgent(n)
  }
  const runner = stage.start()
  await waitFor('a third agent', () => stage.agent.starts().length === 3 && stage.attempt(3)?.agent)
  await stage.killAgent(3)
  expect((await runner.exit).code, runner.output()).toBe(10)
  expect(await stage.board.task(id)).toMatchObject({ status: 'pending', holder: null })
  expect(stage.agent.starts()).toHaveLength(3)
  expect(stage.agent.overlaps()).toEqual([])
})

test('unfinished work is not taken up in another role', async () => {
  const stage = await embeddedStage()
  const id = await stage.board.add('Make it so', 'major')
  await stage.killedAt('before:preHook')
  const other = stage.start({ role: 'qa' })
  expect((await other.exit).code).toBe(78)
  expect(other.output()).toContain('--role backend_dev')
  expect(stage.lock()).not.toBeNull()
  await stage.finish()
  await expectDoneOnce(stage, id)
})

test('a hook of a killed runner is ended before the hook runs again', async () => {
  const stage = await embeddedStage()
  const id = await stage.board.add('Make it so', 'major')
  const log = join(stage.user, 'hook.log')
  agentProgram(
    join(stage.root, 'hooks'),
    `for pid in $(cat "${log}" 2> /dev/null); do grep -qs '^State:.[^Z]' "/proc/$pid/status" && echo overlap > "${log}.overlap"; done
echo $$ >> "${log}"
while [ -e "$HOME/hold-0" ]; do sleep 0.05; done`,
    'pre_task',
  )
  const calls = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  stage.agent.hold(0)
  const runner = stage.start()
  await waitFor('the hook runs', () => calls().length === 1)
  await killRunner(stage, runner)
  const next = stage.start()
  await waitFor('the hook runs again', () => calls().length === 2)
  stage.agent.letGo()
  expect(await next.exit, next.output()).toEqual({ code: 0, signal: null })
  expect(existsSync(`${log}.overlap`)).toBe(false)
  await expectDoneOnce(stage, id)
})

test('of two agents that choose a workspace in the same repository at once, no two work in place', async () => {
  const stage = await embeddedStage()
  const ids = [await stage.board.add('One', 'minor'), await stage.board.add('Two', 'minor')]
  stage.agent.hold(1)
  // Both wait in the last git command that comes before the choice is on record.
  agentProgram(
    stage.bin,
    `PATH="\${PATH#*:}"; export PATH
case " $* " in *" status "*) echo $$ >> "$HOME/choosing"; while [ -e "$HOME/hold-0" ]; do sleep 0.02; done ;; esac
exec git "$@"`,
    'git',
  )
  stage.agent.hold(0)
  const choosing = () =>
    existsSync(join(stage.user, 'choosing')) ? readFileSync(join(stage.user, 'choosing'), 'utf8').split('\n').length - 1 : 0
  const runners = [stage.start()]
  await waitFor('the first chooses', () => choosing() === 1)
  runners.push(stage.start({ agentId: 'dev_002' }))
  await waitFor(
    'the second has chosen, or chooses too',
    () => choosing() === 2 || stage.agent.starts().length === 1 || existsSync(join(stage.repo, '.worktrees')),
  )
  rmSync(join(stage.user, 'hold-0'))
  await waitFor('both at work', () => stage.agent.written().length === 2)
  const places = stage.events().flatMap(event => (event.type === 'workspace_ready' ? event.workspace.kind : []))
  expect(places.filter(kind => kind === 'in-place').length).toBeLessThanOrEqual(1)
  expect(places).toHaveLength(2)
  stage.agent.letGo()
  for (const runner of runners) expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  for (const id of ids) expect((await stage.board.task(id)).status).toBe('dev_done')
  expectNothingLost(stage)
})
