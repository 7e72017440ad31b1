import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { claudeAccount } from '../../src/agents/claude/claude-account.ts'
import { sharedLimit } from '../../src/cli/compose/shared-limit.ts'
import { type MachineStatus, machineStatus } from '../../src/cli/status/machine-status.ts'
import { showStatus } from '../../src/cli/status/show.ts'
import { statusCommand } from '../../src/cli/status.ts'
import { waitOf } from '../../src/core/wait.ts'
import { lockFilePath } from '../../src/machine/journal/lock-file.ts'
import { openRunFiles } from '../../src/machine/journal/run-files.ts'
import { openBreaker } from '../../src/machine/limits/breaker.ts'
import { systemClock } from '../../src/machine/limits/clock.ts'
import { openUsageLimit } from '../../src/machine/limits/usage-limit.ts'
import { takeAgentGuard } from '../../src/machine/locks/agent-guard.ts'
import { commandIo } from '../support/command-io.ts'
import { stamped } from '../support/events.ts'
import { holdAgent, sleepingAgent } from '../support/sleeping-agent.ts'
import { tempFolder } from '../support/temp.ts'
import { unfinished } from '../support/unfinished.ts'
import { waitFor } from '../support/wait-for.ts'

const never = new AbortController().signal
const attempt = {
  number: 1,
  mode: 'fresh',
  sessionId: 's',
  model: 'sonnet',
  startedAt: '2026-07-06T12:00:00Z',
  supervisor: null,
  part: 0,
  directives: [] as string[],
  ended: null,
} as const

async function page(home: string, columns?: number): Promise<string> {
  const io = commandIo(home, { columns })
  await showStatus({ home, json: false, watch: false }, io, never)
  return io.stdout.text()
}

/** Processes are found by their run's id on the whole machine, so no two tests may share one. */
const newRun = () => `run_test${randomUUID().replaceAll('-', '')}`

const only = (status: MachineStatus) => {
  expect(status.agents).toHaveLength(1)
  return status.agents[0]!
}

test('where nothing runs and nothing waits, the status says what to type', async () => {
  const home = tempFolder()
  expect(machineStatus(join(home, 'not-there'), null)).toMatchObject({ agents: [], kept: [] })
  const text = await page(home)
  expect(text).toContain('No agent is at work')
  expect(text).toMatch(/agent-runner task add .*\n.*agent-runner --role/)
})

test('a runner without a task is idle, and gone from the status with its process', async () => {
  const home = tempFolder()
  const { pid, kill } = await holdAgent(home, 'dev_001')
  expect(only(machineStatus(home, null))).toMatchObject({
    agent_id: 'dev_001',
    state: 'idle',
    runner: { alive: true, pid },
    role: 'backend_dev',
  })
  await kill()
  expect(machineStatus(home, null).agents).toEqual([])
})

test('status of an agent at work tells step, doing, attempts, supervisor and place', async () => {
  const home = tempFolder()
  const run = newRun()
  await holdAgent(home, 'dev_001')
  await sleepingAgent(home, run)
  const workspace = { kind: 'worktree', repo: '/r', path: '/r/.worktrees/1', branch: 'feature/x', base: null, startTree: null } as const
  const record = { attempts: [attempt], workspace: { ...workspace, dirtyAtStart: [], continued: false, fallback: null } }
  unfinished(home, 'dev_001', run, record)
  const say = openRunFiles(home)
  say.append(stamped({ type: 'tool_used', id: 'a', tool: 'Bash', argument: 'npm \u001b[31mtest' }, { runId: run }))
  say.append(stamped({ type: 'agent_thinking', text: 'hm' }, { runId: run }))
  const agent = only(machineStatus(home, null))
  expect(agent).toMatchObject({
    state: 'working',
    step: 'agent',
    attempts: 1,
    supervisor: 'alive',
    workspace: '/r/.worktrees/1',
    branch: 'feature/x',
  })
  expect(agent.lock_age_s).toBeGreaterThanOrEqual(90)
  expect(agent.lock_age_s).toBeLessThan(120)
  const text = await page(home, 80)
  for (const part of ['dev_001  working', 'Mend the parser', 'agent at work, for 1 min 3', 'Bash npm test', '1, supervisor alive', run])
    expect(text).toContain(part)
  expect(text).not.toMatch(/(?!\n)\p{Cc}/u)
})

test('status of an agent whose runner was killed says so, and whether its agent lives on', async () => {
  const home = tempFolder()
  const run = newRun()
  const { kill } = await holdAgent(home, 'dev_001')
  const supervision = await sleepingAgent(home, run)
  unfinished(home, 'dev_001', run, { attempts: [attempt] })
  expect(only(machineStatus(home, null)).state).toBe('working')
  await kill()
  expect(only(machineStatus(home, null))).toMatchObject({ state: 'orphaned', supervisor: 'alive', runner: { alive: false, pid: null } })
  expect(await page(home)).toContain('working without its runner')
  await supervision.stop(run, 1)
  expect(only(machineStatus(home, null))).toMatchObject({ state: 'interrupted', supervisor: 'exited' })
  expect(await page(home)).toContain('start it again with --agent-id dev_001')
})

test('an agent that waits for a time says until when', async () => {
  const home = tempFolder()
  await holdAgent(home, 'dev_001')
  const wait = waitOf(3_600_000, systemClock)
  const { until } = wait
  unfinished(home, 'dev_001', 'run_01a', { notBefore: wait })
  expect(only(machineStatus(home, null))).toMatchObject({ state: 'waiting', waiting_until: new Date(until).toISOString() })
  unfinished(home, 'dev_001', 'run_01a', { notBefore: waitOf(-1, systemClock) })
  expect(only(machineStatus(home, null))).toMatchObject({ state: 'working', waiting_until: null })
})

test('an idle runner that waits for the usage limit of its account is shown as waiting, with the time', async () => {
  const home = tempFolder()
  const { env } = commandIo(home)
  const guard = takeAgentGuard(home, 'dev_001', { role: 'backend_dev', repo: '/', command: 'continuous' })
  const wait = waitOf(3_600_000, systemClock)
  openUsageLimit({ home, account: () => claudeAccount(env), clock: systemClock }).reached(wait)
  expect(only(machineStatus(home, sharedLimit(home, env)))).toMatchObject({
    state: 'waiting',
    waiting_until: new Date(wait.until).toISOString(),
  })
  expect(await page(home)).toMatch(/dev_001 +waiting[\s\S]*waits until/)
  // Another account does not wait for it.
  expect(sharedLimit(home, { ...env, ANTHROPIC_API_KEY: 'another' })).toBeNull()
  guard.release()
})

test('a lock file that cannot be read is told of and left as it is; the others are shown', async () => {
  const home = tempFolder()
  unfinished(home, 'dev_001', 'run_01a')
  writeFileSync(lockFilePath(home, 'dev_002'), '{"half', { mode: 0o600 })
  const { agents } = machineStatus(home, null)
  expect(agents.map(agent => [agent.agent_id, agent.state])).toEqual([
    ['dev_001', 'interrupted'],
    ['dev_002', 'unreadable'],
  ])
  expect(readFileSync(lockFilePath(home, 'dev_002'), 'utf8')).toBe('{"half')
  expect(await page(home)).toMatch(/problem +it is not JSON.*agent-dev_002\.lock/s)
})

test("an older runner's lock file with its seven keys is an interrupted task", async () => {
  const home = tempFolder()
  mkdirSync(join(home, 'locks'))
  const locked_at = new Date(Date.now() - 60_000).toISOString().replace('Z', '')
  const seven = {
    task_id: 7,
    task_title: 'Old one',
    agent_id: 'dev_001',
    locked_at,
    worktree_path: '/old/tree',
    branch_name: 'b',
    task_data: {},
  }
  writeFileSync(lockFilePath(home, 'dev_001'), JSON.stringify(seven))
  chmodSync(lockFilePath(home, 'dev_001'), 0o600)
  const agent = only(machineStatus(home, null))
  expect(agent).toMatchObject({ state: 'interrupted', task_id: '7', task_title: 'Old one', workspace: '/old/tree', branch: 'b' })
  expect(agent.lock_age_s).toBeGreaterThanOrEqual(60)
  expect(agent.lock_age_s).toBeLessThan(90)
})

test('kept work of failed runs is listed, the latest first, once per place, while the place is there', async () => {
  const home = tempFolder()
  const places = ['one', 'two'].map(name => join(home, name))
  for (const place of places) mkdirSync(place)
  const files = openRunFiles(home)
  const result = (run: string, kept: string | null) =>
    files.write(
      run,
      'result.json',
      JSON.stringify({
        ...{ run_id: run, agent_id: 'dev_001', task_id: '1', title: `Task of ${run}`, reason: 'timed_out', status: 'pending' },
        ...{ branch: 'feature/x', kept, rescued: [], finished_at: '2026-07-06T12:00:00Z', cost_usd: 0.1, duration_ms: 1 },
      }),
    )
  result('run_01a', places[0]!)
  result('run_01b', places[1]!)
  result('run_01c', places[0]!)
  result('run_01d', null)
  files.write('run_01e', 'result.json', 'not json')
  expect(machineStatus(home, null).kept.map(kept => [kept.run_id, kept.says])).toEqual([
    ['run_01c', 'the deadline passed'],
    ['run_01b', 'the deadline passed'],
  ])
  expect(await page(home)).toContain(places[0])
  rmSync(places[0]!, { recursive: true })
  expect(machineStatus(home, null).kept.map(kept => kept.run_id)).toEqual(['run_01b'])
})

test('--json is one document with the same as the page', async () => {
  const home = tempFolder()
  unfinished(home, 'dev_001', 'run_01a')
  const io = commandIo(home)
  const program = new Command('agent-runner')
  statusCommand(program, () => io)
  await program.parseAsync(['status', '--json'], { from: 'user' })
  expect(JSON.parse(io.stdout.text())).toMatchObject({
    version: 1,
    home,
    agents: [{ agent_id: 'dev_001', state: 'interrupted' }],
    kept: [],
  })
})

test('a watch shows what changes, never more than the screen has, and gives the terminal back', async () => {
  const home = tempFolder()
  const io = commandIo(home, { columns: 60 })
  const user = new AbortController()
  const done = showStatus({ home, json: false, watch: true }, { ...io, stdout: Object.assign(io.stdout, { rows: 8 }) }, user.signal)
  await waitFor('the first drawing', () => io.stdout.text().includes('No agent is at work'))
  for (const id of ['dev_001', 'dev_002']) unfinished(home, id, 'run_01a')
  await waitFor('the second', () => io.stdout.text().includes('dev_001'))
  for (const drawing of io.stdout.text().split('\u001b[H')) expect(drawing.split('\n').length).toBeLessThanOrEqual(8)
  user.abort()
  await done
  expect(io.stdout.text()).toMatch(/\p{Cc}\[\?25h\p{Cc}\[\?1049l/u)
})

test('a watch without a terminal is refused, unless it prints JSON lines', async () => {
  const home = tempFolder()
  await expect(showStatus({ home, json: false, watch: true }, commandIo(home), never)).rejects.toMatchObject({ code: 'USAGE' })
  const io = commandIo(home)
  const user = new AbortController()
  const done = showStatus({ home, json: true, watch: true }, io, user.signal)
  await waitFor('two lines', () => io.stdout.lines().length >= 2)
  user.abort()
  await done
  for (const line of io.stdout.lines()) expect(JSON.parse(line)).toMatchObject({ agents: [] })
})

test('what stands in the way of a runner is told with what to do, with a task in hand and without, and also while it tries again', async () => {
  const home = tempFolder()
  const guard = takeAgentGuard(home, 'dev_001', { role: 'backend_dev', repo: '/', command: 'continuous' })
  const breaker = openBreaker({ home, agentId: 'dev_001', clock: systemClock })
  breaker.failed({ reason: 'api_unreachable', said: 'API Error: no such host (ENOTFOUND)', taskId: 't1' }, () => 3_600_000)
  const told = { waiting_for: expect.stringMatching(/cannot be reached.*ENOTFOUND/), advice: expect.stringContaining('HTTPS_PROXY') }
  expect(only(machineStatus(home, null))).toMatchObject({ state: 'waiting', waiting_until: expect.any(String), ...told })
  expect((await page(home)).replace(/\s+/g, ' ')).toMatch(/in the way the model API cannot be reached.*what to do Check network/)
  unfinished(home, 'dev_001', 'run_01a')
  expect(only(machineStatus(home, null))).toMatchObject({ state: 'working', waiting_until: null, ...told })
  breaker.mended()
  expect(only(machineStatus(home, null))).toMatchObject({ waiting_for: null, advice: null })
  guard.release()
})
