import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { claudeAccount } from '../../src/agents/claude/claude-account.ts'
import { whyCommand } from '../../src/cli/why.ts'
import type { RunnerEvent } from '../../src/core/event.ts'
import { waitOf } from '../../src/core/wait.ts'
import { lockFilePath, readLockFile } from '../../src/machine/journal/lock-file.ts'
import { openRunFiles } from '../../src/machine/journal/run-files.ts'
import { systemClock } from '../../src/machine/limits/clock.ts'
import { openUsageLimit } from '../../src/machine/limits/usage-limit.ts'
import { takeAgentGuard } from '../../src/machine/locks/agent-guard.ts'
import type { RunnerContext } from '../../src/runner/context.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../support/agent-program.ts'
import { commandIo } from '../support/command-io.ts'
import { headlessPmBoard } from '../support/crash-board.ts'
import { runRecord, stamped } from '../support/events.ts'
import { gitRepo } from '../support/git-repo.ts'
import { type RunnerStage, runnerStage } from '../support/runner-stage.ts'
import { holdAgent, sleepingAgent } from '../support/sleeping-agent.ts'
import { tempFolder } from '../support/temp.ts'
import { unfinished } from '../support/unfinished.ts'
import { waitFor } from '../support/wait-for.ts'
import { capture } from './capture.ts'

const draft = { title: 'Mend the parser', role: 'backend_dev', complexity: 'minor' } as const
const done = `echo '${RESULT_LINE}'`
const limited = (resetsAt: number) =>
  `echo '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","rateLimitType":"five_hour","resetsAt":${resetsAt}}}'; echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"limit","session_id":"s","total_cost_usd":0,"num_turns":1,"duration_ms":1,"usage":{"input_tokens":0,"output_tokens":0}}'; exit 1`

/** `why` as it is typed in a repository with this state folder. */
function asker(home: string, repo: string, env: Record<string, string> = {}) {
  const all = { HEADLESS_PM_HOME: home, HOME: home, PATH: process.env.PATH ?? '', ...env }
  return {
    page: async (...args: string[]) => (await capture(whyCommand, ['why', ...args], { cwd: repo, env: all })).out,
    json: async (...args: string[]) => JSON.parse((await capture(whyCommand, ['why', ...args, '--json'], { cwd: repo, env: all })).out),
  }
}

/** Does something at each event of a type. */
const at = (type: RunnerEvent['type'], act: (event: RunnerEvent) => void) => (context: RunnerContext) => {
  const { emit } = context
  context.emit = (event, runId) => {
    emit(event, runId)
    if (event.type === type) act(event)
  }
}

/** A runner that leaves its agent at work, as a killed one does. */
async function leftAtWork(script: string): Promise<RunnerStage> {
  const house = await runnerStage(script)
  await house.board.addTask(draft)
  const stops = new Stops()
  await house.run({ stops, change: at('attempt_started', () => stops.detach()) })
  return house
}

/** Every file below a folder with its content and time: what a look must not change. SQLite's own side files come and go. */
function everything(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => !/-(wal|shm)$|agent-runner\.db$/.test(name))
    .map(name => ({ name, stat: statSync(join(folder, name)) }))
    .map(({ name, stat }) => `${name} ${stat.mode} ${stat.isFile() ? `${stat.mtimeMs} ${readFileSync(join(folder, name), 'hex')}` : ''}`)
}

test('where nothing ever ran it says what to type, and makes nothing', async () => {
  const home = join(tempFolder(), 'never-used')
  const { page, json } = asker(home, gitRepo())
  expect(await page()).toContain('agent-runner --role')
  expect(await json()).toEqual({ version: 1, subject: null })
  expect(() => statSync(home)).toThrow()
  await expect(page('nobody')).rejects.toMatchObject({ code: 'USAGE' })
})

test('an agent whose runner is gone: alive with its pids, the task still ours, and the next start adopts it, as it then does', async () => {
  const house = await leftAtWork(`while [ ! -e "$HOME/go" ]; do sleep 0.02; done; ${done}`)
  const { json, page } = asker(house.home, house.repo)
  const answer = await json()
  const { agent, supervisor } = JSON.parse(
    readFileSync(join(house.home, 'runs', answer.subject.run_id, 'attempts', '1', 'started.json'), 'utf8'),
  )
  expect(answer).toMatchObject({
    subject: { agent_id: 'dev_001', task_title: 'Mend the parser' },
    state: 'orphaned',
    facts: {
      runner: { alive: false },
      attempt: { number: 1, state: 'alive' },
      processes: { supervisor: supervisor.pid, agent: agent.pid },
      tracker: { kind: 'answered', holding: 'ours' },
      workspace: { state: 'checkout', branch: 'main', uncommitted: [] },
    },
  })
  expect(answer.next[0].text).toContain('adopts attempt 1')
  expect(Date.parse(answer.next.at(-1).at) - Date.now()).toBeLessThanOrEqual(600_000)
  expect((await page()).replace(/\s+/g, ' ')).toContain(`alive as process ${agent.pid} under its supervisor ${supervisor.pid}`)
  const letGo = (event: RunnerEvent) => {
    if (event.type === 'recovered' && event.decision === 'adopted') writeFileSync(join(house.home, 'go'), '')
  }
  const { events } = await house.run({ change: at('recovered', letGo) })
  expect(events.filter(event => event.type === 'recovered').map(event => event.decision)).toContain('adopted')
})

test('a killed agent: what it left uncommitted is told, and the next start resumes, or begins anew without a transcript, as it then does', async () => {
  const house = await leftAtWork('echo half > half.txt; kill -KILL $PPID; sleep 600')
  await waitFor('the work', () => statSync(join(house.repo, 'half.txt'), { throwIfNoEntry: false }))
  const { json } = asker(house.home, house.repo)
  const answer = await waitFor('the end of the supervisor', async () => {
    const now = await json('dev_001')
    return now.facts.attempt.state === 'gone' && now
  })
  expect(answer).toMatchObject({ state: 'interrupted', facts: { workspace: { uncommitted: ['half.txt'] } } })
  expect(answer.facts.processes.others.length + (answer.facts.processes.agent === null ? 0 : 1)).toBeGreaterThan(0)
  expect(answer.next.map((next: { text: string }) => next.text).join(' ')).toMatch(
    /ends what is left of attempt 1.*new session as attempt 2/,
  )
  house.agentDoes(done)
  const { events } = await house.run()
  expect(events.find(event => event.type === 'attempt_started')).toMatchObject({ attempt: 2, mode: 'fresh' })
})

test('a usage limit: until when the next start waits', async () => {
  const resetsAt = Math.ceil(Date.now() / 1000) + 3600
  const house = await runnerStage(limited(resetsAt))
  await house.board.addTask(draft)
  const stops = new Stops()
  await house.run({ stops, change: at('waiting', () => void stops.request()) })
  const answer = await asker(house.home, house.repo).json()
  expect(answer.next[0].text).toContain('the usage limit is reached')
  // The runner looks at its clock twice to count the time that is left, and a millisecond may pass in between.
  expect(Math.abs(Date.parse(answer.next[0].at) - resetsAt * 1000)).toBeLessThan(500)
})

test('a task that was done, and one that was parked with its work kept, and how to get it back', async () => {
  const house = await runnerStage(done, { env: { HEADLESS_PM_MAX_ATTEMPTS: '1' } })
  const { json, page } = asker(house.home, house.repo)
  const first = await house.board.addTask(draft)
  await house.run()
  expect(await json()).toMatchObject({ state: 'ended', facts: { reason: 'completed', status: 'dev_done', lock_file: null } })
  house.agentDoes('echo half > half.txt; exit 1')
  const second = await house.board.addTask({ ...draft, title: 'Another' })
  await house.run()
  const parked = await json(second.id)
  expect(parked).toMatchObject({ subject: { task_id: second.id }, says: expect.stringContaining('parked'), facts: { status: 'pending' } })
  const commands = parked.you_can.map((one: { command: string }) => one.command)
  expect(commands).toContain(`agent-runner task requeue ${second.id}`)
  expect(commands).toContain(`agent-runner rescue show ${parked.subject.run_id}`)
  expect(await page(first.id)).toContain('it is done (dev_done)')
  await house.board.requeueTask(second.id)
  expect((await json(second.id)).next[0].text).toContain('can be taken again')
})

test('without a word the agent that needs attention most is chosen, before finished runs', async () => {
  const home = tempFolder()
  const { json } = asker(home, gitRepo())
  await holdAgent(home, 'dev_001')
  expect(await json()).toMatchObject({ state: 'idle', subject: { agent_id: 'dev_001', run_id: null } })
  openRunFiles(home).append(stamped({ type: 'agent_text', text: 'x' }, { runId: 'run_01zzz' }))
  expect((await json()).subject.run_id).toBe('run_01zzz')
  unfinished(home, 'dev_001', 'run_01b')
  expect((await json()).subject).toMatchObject({ agent_id: 'dev_001', run_id: 'run_01b' })
  unfinished(home, 'dev_002', 'run_01c')
  expect((await json()).subject).toMatchObject({ agent_id: 'dev_002', run_id: 'run_01c' })
  expect((await json('run_01b')).subject.agent_id).toBe('dev_001')
})

test('an idle runner that waits for the usage limit of its account is told of with the time, before runs that are over', async () => {
  const home = tempFolder()
  const { json, page } = asker(home, gitRepo())
  const { pid } = await holdAgent(home, 'dev_001')
  openRunFiles(home).append(stamped({ type: 'agent_text', text: 'x' }, { runId: 'run_01zzz' }))
  const wait = waitOf(3_600_000, systemClock)
  const account = () => claudeAccount({ HOME: home, PATH: process.env.PATH })
  openUsageLimit({ home, account, clock: systemClock }).reached(wait)
  const answer = await json()
  expect(answer).toMatchObject({ state: 'waiting', subject: { agent_id: 'dev_001', run_id: null } })
  expect(answer.next[0]).toMatchObject({ at: new Date(wait.until).toISOString(), text: expect.stringContaining('usage limit') })
  expect((await page()).replace(/\s+/g, ' ')).toContain(`process ${pid} is alive`)
  unfinished(home, 'dev_002', 'run_01c')
  expect((await json()).subject).toMatchObject({ agent_id: 'dev_002', run_id: 'run_01c' })
})

test('a lock file that cannot be read is told of with its reason, and left as it is', async () => {
  const home = tempFolder()
  mkdirSync(join(home, 'locks'))
  writeFileSync(lockFilePath(home, 'dev_001'), '{"half', { mode: 0o600 })
  const { json } = asker(home, gitRepo())
  const answer = await json()
  expect(answer).toMatchObject({ state: 'unreadable', facts: { lock_file: { problem: 'it is not JSON' } } })
  expect(readFileSync(lockFilePath(home, 'dev_001'), 'utf8')).toBe('{"half')
})

test('a PM that does not answer is said, not an error, and does not hold the answer up', async () => {
  const home = tempFolder()
  const pm = await headlessPmBoard()
  const url = pm.server.url
  unfinished(home, 'dev_001', 'run_01b', { tracker: { name: 'headless-pm', url } })
  const { json, page } = asker(home, gitRepo(), pm.env)
  pm.server.onRequest = () => ({ delayMs: 3_600_000 })
  expect((await json()).facts.tracker).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('no answer within 3 s') })
  await pm.goAway()
  expect((await page()).replace(/\s+/g, ' ')).toContain('was asked and did not answer')
})

test('a task of another tracker is not asked for at the wrong one', async () => {
  const home = tempFolder()
  const pm = await headlessPmBoard()
  unfinished(home, 'dev_001', 'run_01b', { tracker: { name: 'headless-pm', url: 'http://pm.example' } })
  const answer = await asker(home, gitRepo(), pm.env).json()
  expect(answer.facts.tracker.kind).toBe('elsewhere')
  expect(answer.next[0].text).toContain('would refuse to start')
  expect(pm.server.requests).toEqual([])
})

test('it only looks: nothing in the state folder changes, and no lock is held', async () => {
  const house = await leftAtWork('exec sleep 600')
  const { page } = asker(house.home, house.repo)
  const before = everything(house.home)
  for (const args of [[], ['dev_001'], [readLockFile(lockFilePath(house.home, 'dev_001')).task.id], ['--json']]) await page(...args)
  expect(everything(house.home)).toEqual(before)
  takeAgentGuard(house.home, 'dev_001', { role: 'r', repo: house.repo, command: 'c' }).release()
})

test('on a narrow terminal nothing but commands is wider than it, and nothing of the agent forges what is seen', async () => {
  const home = tempFolder()
  const repo = gitRepo()
  const run = 'run_01narrow'
  await sleepingAgent(home, run)
  const attempt = {
    number: 1,
    mode: 'fresh',
    sessionId: 's',
    model: 'm',
    startedAt: '2026-07-06T12:00:00Z',
    supervisor: null,
    directives: [],
    ended: null,
  } as const
  const task = { ...runRecord('dev_001', run).task, title: 'A very long title \u001b[2J that goes on and on and on' }
  unfinished(home, 'dev_001', run, { attempts: [attempt], task } as never)
  openRunFiles(home).append(stamped({ type: 'agent_text', text: 'words \u202e and \u001b]0;title\u0007 more '.repeat(5) }, { runId: run }))
  for (const columns of [32, 40, 80]) {
    const io = commandIo(home, { columns, cwd: repo })
    const program = new Command('agent-runner')
    whyCommand(program, () => io)
    await program.parseAsync(['why'], { from: 'user' })
    const lines = io.stdout
      .text()
      .split('\n')
      .filter(line => !line.startsWith('    agent-runner') && !line.startsWith('    kill'))
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(columns)
    expect(io.stdout.text()).not.toMatch(/(?!\n)\p{Cc}|\u202e/u)
  }
})

test('a task on the board that nobody took: which runner it waits for, and what stands before it', async () => {
  const house = await runnerStage(done)
  const { json, page } = asker(house.home, house.repo)
  const first = await house.board.addTask({ ...draft, seniority: 'principal' })
  const second = await house.board.addTask({ ...draft, dependsOn: [first.id] })
  const third = await house.board.addTask(draft)
  const alone = await json(first.id)
  expect(alone).toMatchObject({
    state: 'queued',
    next: [{ text: expect.stringMatching(/role backend_dev and at least the level principal/) }],
  })
  expect(alone.you_can[0].command).toBe('agent-runner --role backend_dev --level principal --agent-id backend_dev_001')
  expect((await json(second.id)).next[0].text).toContain(`waits until ${first.id} is done`)
  await holdAgent(house.home, 'dev_007')
  expect((await json(third.id)).next[0].text).toMatch(/after the 1 task before it.*given to dev_007/)
  await house.board.cancelTask(third.id)
  expect(await page(third.id)).toContain(`agent-runner task requeue ${third.id}`)
  await expect(page('tsk_unknown')).rejects.toMatchObject({ code: 'USAGE' })
})
