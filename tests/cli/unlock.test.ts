import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openBoard } from '../../src/board/board.ts'
import { unlockCommand } from '../../src/cli/unlock.ts'
import { openHeadlessPm } from '../../src/connectors/headless-pm/headless-pm.ts'
import { newRunId } from '../../src/core/ids.ts'
import type { RunRecord, WorkspaceRecord } from '../../src/core/run.ts'
import { lockFilePath } from '../../src/machine/journal/lock-file.ts'
import { openRunFiles } from '../../src/machine/journal/run-files.ts'
import { takeAgentGuard } from '../../src/machine/locks/agent-guard.ts'
import { RUN_TAG, taggedProcesses } from '../../src/machine/process/processes.ts'
import { headlessPmBoard } from '../support/crash-board.ts'
import { attemptEnd, runRecord, stamped } from '../support/events.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { HANGS_MS } from '../support/patience.ts'
import { holdAgent, sleepingAgent } from '../support/sleeping-agent.ts'
import { tempFolder } from '../support/temp.ts'
import { unfinished } from '../support/unfinished.ts'
import { request, workspacesOf } from '../support/workspaces.ts'
import { capture } from './capture.ts'

const dev = { id: 'dev_001', role: 'backend_dev', level: 'senior' } as const

/** A task of the embedded board that `dev_001` has in hand, its lock file as a killed runner leaves it, and `unlock` as it is typed. */
async function stage(more: Partial<RunRecord> = {}) {
  const home = tempFolder('agent-runner-home-')
  const repo = gitRepo()
  const url = join(home, 'agent-runner.db')
  const board = await openBoard(url, { project: repo })
  onTestFinished(() => board.close())
  const { id } = await board.addTask({ title: 'Mend the parser', role: 'backend_dev' })
  const task = (await board.look(dev))!
  const runId = newRunId()
  await board.claim(dev, id, runId)
  const { lockedBy: _l, lockedAt: _a, runId: _r, blockedBy: _b, ...plain } = task as typeof task & Record<string, unknown>
  const record = { task: { ...runRecord('dev_001', runId).task, ...pick(plain) }, tracker: { name: 'embedded', url }, ...more }
  unfinished(home, 'dev_001', runId, record)
  const env = { HEADLESS_PM_HOME: home, HOME: home, PATH: process.env.PATH ?? '', HEADLESS_PM_KILL_GRACE: '1' }
  const lock = lockFilePath(home, 'dev_001')
  return {
    ...{ home, repo, board, runId, taskId: id, lock, env },
    locked: () => existsSync(lock),
    change: (change: Partial<RunRecord>) => unfinished(home, 'dev_001', runId, { ...record, ...change }),
    unlock: (...args: string[]) => capture(unlockCommand, ['unlock', 'dev_001', ...args], { cwd: repo, env }),
    taskNow: () => board.showTask(id),
  }
}

/** The task's own keys. */
function pick(task: Record<string, unknown>) {
  return { id: String(task.id), title: String(task.title), status: 'created' }
}

/** The worktree of a run with uncommitted files in it. */
async function worktree(
  repo: string,
  runId: string,
  files: Record<string, string>,
  complexity: 'minor' | 'major' = 'major',
): Promise<WorkspaceRecord> {
  const workspace = await workspacesOf(repo).workspaces.prepare(request({ complexity }, runId))
  writeFiles(workspace.path, files)
  return workspace
}

const released = (home: string) => readdirSync(join(home, 'locks', 'released'))

test('without a lock file it says so, exits 0 and makes nothing', async () => {
  const home = join(tempFolder(), 'never-used')
  const repo = gitRepo()
  const told = await capture(unlockCommand, ['unlock', 'dev_001'], { cwd: repo, env: { HEADLESS_PM_HOME: home, HOME: repo } })
  expect(told).toMatchObject({ exitCode: 0, out: expect.stringContaining('no lock file') })
  expect(existsSync(home)).toBe(false)
  const json = await capture(unlockCommand, ['unlock', 'dev_001', '--json'], { cwd: repo, env: { HEADLESS_PM_HOME: home, HOME: repo } })
  expect(JSON.parse(json.out)).toMatchObject({ unlocked: false, exit_code: 0, checks: [] })
})

test('what is no agent id is refused', async () => {
  const { env, repo } = await stage()
  await expect(capture(unlockCommand, ['unlock', '../dev'], { cwd: repo, env })).rejects.toMatchObject({ code: 'USAGE' })
})

test('a task that nobody works on is given back with a note, its lock file moved aside as it was, its uncommitted work kept twice', async () => {
  const { home, repo, runId, lock, locked, change, unlock, taskNow } = await stage()
  const workspace = await worktree(repo, runId, { 'half.ts': 'half done\n' })
  change({ workspace })
  const before = readFileSync(lock, 'utf8')
  const { exitCode, out } = await unlock()
  expect(exitCode, out).toBe(0)
  expect(locked()).toBe(false)
  const [name = ''] = released(home)
  expect(name).toMatch(/^agent-dev_001-\d{8}T\d{6}\.lock$/)
  expect(readFileSync(join(home, 'locks', 'released', name), 'utf8')).toBe(before)
  expect(git(repo, 'show', `refs/agent-runner/${runId}/1:half.ts`)).toBe('half done')
  expect(readFileSync(join(workspace.path, 'half.ts'), 'utf8')).toBe('half done\n')
  const task = await taskNow()
  expect(task).toMatchObject({ status: 'created', lockedBy: null })
  expect(task.notes.match(/let go of by hand/gi)).toHaveLength(1)
  expect(out).toMatch(/Mend the parser[\s\S]*given back at the PM[\s\S]*locks\/released/)
})

test('the run that was let go of is in status, logs and why as ended, with its kept worktree', async () => {
  const { home, repo, runId, change, unlock } = await stage()
  const workspace = await worktree(repo, runId, { 'half.ts': 'x\n' })
  change({ workspace })
  await unlock()
  const result = JSON.parse(readFileSync(join(home, 'runs', runId, 'result.json'), 'utf8'))
  expect(result).toMatchObject({ reason: 'unlocked', status: 'created', kept: workspace.path, rescued: [`refs/agent-runner/${runId}/1`] })
  expect(openRunFiles(home).events(runId).at(-1)).toMatchObject({ type: 'run_finished', reason: 'unlocked' })
})

test('in place the agent’s changes move away as after a failure, and the checkout is clean for the next task', async () => {
  const { repo, runId, change, unlock } = await stage()
  const workspace = await worktree(repo, runId, { 'half.ts': 'half\n', 'README.md': '# other\n' }, 'minor')
  change({ workspace })
  expect((await unlock()).exitCode).toBe(0)
  expect(git(repo, 'status', '--porcelain')).toBe('')
  expect(git(repo, 'show', `refs/agent-runner/${runId}/1:README.md`)).toBe('# other')
})

test('unlocking again is the same as unlocking once', async () => {
  const { home, unlock, taskNow } = await stage()
  await unlock()
  const once = await taskNow()
  expect(await unlock()).toMatchObject({ exitCode: 0, out: expect.stringContaining('no lock file') })
  expect(await taskNow()).toEqual(once)
  expect(released(home)).toHaveLength(1)
})

test('an unlock that was cut off before it moved the file is taken again and tells the PM nothing twice', async () => {
  const { home, lock, unlock, taskNow } = await stage()
  await unlock()
  const notes = (await taskNow()).notes
  writeFileSync(lock, readFileSync(join(home, 'locks', 'released', released(home)[0]!), 'utf8'), { mode: 0o600 })
  expect((await unlock()).exitCode).toBe(0)
  expect((await taskNow()).notes).toBe(notes)
  expect(released(home).length).toBeGreaterThanOrEqual(1)
})

test('a live runner is never overruled: exit 75 names it and nothing changes, also with --force', async () => {
  const { home, lock, unlock, taskNow } = await stage()
  const { pid } = await holdAgent(home, 'dev_001')
  const before = readFileSync(lock, 'utf8')
  for (const force of [[], ['--force']]) {
    const { exitCode, out } = await unlock(...force)
    expect([exitCode, out]).toEqual([75, expect.stringMatching(new RegExp(`${pid}[\\s\\S]*Not unlocked`))])
    expect(out).not.toMatch(/unlock dev_001 --force/)
  }
  expect(readFileSync(lock, 'utf8')).toBe(before)
  expect((await taskNow()).status).toBe('under_work')
})

test('no runner can start while it works, and the agent id is free afterwards', async () => {
  const { home, repo, unlock } = await stage()
  await unlock()
  takeAgentGuard(home, 'dev_001', { role: 'r', repo, command: 'c' }).release()
})

test('an agent that lives refuses with 75, its pid and how to end it; nothing is touched', async () => {
  const { home, runId, locked, unlock, taskNow } = await stage({ attempts: [anAttempt()] })
  await sleepingAgent(home, runId)
  const { agent, supervisor } = JSON.parse(readFileSync(join(home, 'runs', runId, 'attempts', '1', 'started.json'), 'utf8'))
  const { exitCode, out } = await unlock()
  expect(exitCode).toBe(75)
  for (const part of [`agent process ${agent.pid}`, `kill -TERM ${supervisor.pid}`, 'agent-runner unlock dev_001 --force'])
    expect(out.replace(/\s+/g, ' ')).toContain(part)
  expect(locked()).toBe(true)
  expect(taggedProcesses(RUN_TAG, runId).length).toBeGreaterThan(0)
  expect((await taskNow()).status).toBe('under_work')
})

test('--force says which process is given up and ends all of it, also what left its session', async () => {
  const { home, runId, locked, unlock, taskNow } = await stage({ attempts: [anAttempt()] })
  await sleepingAgent(home, runId, 'setsid sleep 600 & exec sleep 600')
  const { exitCode, out } = await unlock('--force')
  expect(exitCode).toBe(0)
  expect(out).toMatch(/Given up[\s\S]*the agent process \d+/)
  expect(taggedProcesses(RUN_TAG, runId)).toEqual([])
  expect(locked()).toBe(false)
  expect((await taskNow()).status).toBe('created')
})

test('a result that was not reported is not thrown away: refused, and with --force said to be given up', async () => {
  const ended = attemptEnd({ reason: 'completed' })
  const { unlock, locked, taskNow } = await stage({ attempts: [{ ...anAttempt(), ended }] })
  const { exitCode, out } = await unlock()
  expect([exitCode, out]).toEqual([1, expect.stringContaining('not reported yet')])
  expect(out).toContain('Start the runner once as dev_001')
  expect([locked(), (await taskNow()).status]).toEqual([true, 'under_work'])
  const forced = await unlock('--force', '--json')
  expect(JSON.parse(forced.out)).toMatchObject({ unlocked: true, tracker: 'given_back', given_up: [expect.stringContaining('a result')] })
})

test('an attempt that ended while no runner was there is a result too', async () => {
  const { home, runId, unlock } = await stage({ attempts: [anAttempt()] })
  const supervision = await sleepingAgent(home, runId, 'exit 0')
  await supervision.follow(runId, 1, () => {}, AbortSignal.timeout(10_000))
  // The supervisor is a moment longer there than its record of the end.
  await supervision.sweep(runId)
  expect(await unlock()).toMatchObject({ exitCode: 1, out: expect.stringContaining('has ended by itself') })
})

test('what was reported already stays as it was reported', async () => {
  const { board, runId, taskId, change, unlock, taskNow, home } = await stage()
  await board.report(dev, taskId, { status: 'dev_done', note: `done ${runId}`, runId })
  const at = new Date().toISOString()
  const steps = (['claim', 'preHook', 'workspace', 'agent', 'collect', 'report'] as const).map(name => ({
    name,
    startedAt: at,
    finishedAt: at,
    result: null,
  }))
  change({ steps, disposition: { kind: 'report', reason: 'completed', status: 'dev_done', note: 'n' } })
  expect((await unlock()).exitCode).toBe(0)
  expect((await taskNow()).status).toBe('dev_done')
  expect(JSON.parse(readFileSync(join(home, 'runs', runId, 'result.json'), 'utf8'))).toMatchObject({
    reason: 'completed',
    status: 'dev_done',
  })
})

test('a task that somebody else has at the tracker is left alone there, and the lock file goes', async () => {
  const { board, taskId, unlock, taskNow, locked } = await stage()
  await board.cancelTask(taskId)
  expect(JSON.parse((await unlock('--json')).out)).toMatchObject({ unlocked: true, tracker: 'nothing' })
  expect([(await taskNow()).status, locked()]).toEqual(['cancelled', false])
})

test('a runner that was killed while it claimed: the agent that has the run under the same id is neither in the way, nor ended, nor told of', async () => {
  const { home, board, change, unlock, locked } = await stage()
  const { id } = await board.addTask({ title: 'Another', role: 'backend_dev' })
  const quicker = { ...dev, id: 'dev_002' }
  const runId = (await board.look(quicker))!.runId!
  expect(await board.claim(quicker, id, runId)).toBe('ours')
  const task = { ...runRecord('dev_001', runId).task, id, runId, status: 'created' }
  change({ runId, task, steps: [{ name: 'claim', startedAt: '2026-07-06T12:00:00Z', finishedAt: null, result: null }] })
  await sleepingAgent(home, runId)
  expect(JSON.parse((await unlock('--json')).out)).toMatchObject({ unlocked: true, tracker: 'nothing' })
  expect(locked()).toBe(false)
  expect(taggedProcesses(RUN_TAG, runId).length).toBeGreaterThan(0)
  expect([openRunFiles(home).events(runId), existsSync(join(home, 'runs', runId, 'result.json'))]).toEqual([[], false])
  expect(await board.showTask(id)).toMatchObject({ status: 'under_work', lockedBy: 'dev_002' })
})

test('a run that another agent of the machine has taken over is let go of, and nothing of that agent is ended or told of', async () => {
  const { home, runId, change, unlock, locked } = await stage()
  const task = { ...runRecord('dev_001', runId).task, runId }
  change({ task })
  unfinished(home, 'dev_002', runId, { task })
  await sleepingAgent(home, runId, undefined, { agentId: 'dev_002' })
  await unlock('--force')
  expect(locked()).toBe(false)
  expect(taggedProcesses(RUN_TAG, runId).length).toBeGreaterThan(0)
  expect([openRunFiles(home).events(runId), existsSync(join(home, 'runs', runId, 'result.json'))]).toEqual([[], false])
})

test('a lock file that cannot be read is refused with 73; with --force it moves aside as it is, link or not', async () => {
  const { home, lock, unlock } = await stage()
  writeFileSync(lock, '{"half', { mode: 0o600 })
  const { exitCode, out } = await unlock()
  expect([exitCode, out]).toEqual([73, expect.stringContaining('cannot be read')])
  expect(readFileSync(lock, 'utf8')).toBe('{"half')
  expect(await unlock('--force')).toMatchObject({ exitCode: 0, out: expect.stringContaining('which task it was') })
  expect(readFileSync(join(home, 'locks', 'released', released(home)[0]!), 'utf8')).toBe('{"half')
  const target = join(home, 'elsewhere')
  writeFileSync(target, 'not ours')
  symlinkSync(target, lock)
  expect((await unlock('--force')).exitCode).toBe(0)
  expect([existsSync(lock), readFileSync(target, 'utf8')]).toEqual([false, 'not ours'])
})

test('an unreadable lock file hides no live agent: its run is found by its id or its timeline', async () => {
  const { home, runId, lock, unlock } = await stage()
  openRunFiles(home).append(stamped({ type: 'agent_text', text: 'x' }, { runId }))
  await sleepingAgent(home, runId)
  writeFileSync(lock, 'garbage', { mode: 0o600 })
  expect(await unlock()).toMatchObject({ out: expect.stringMatching(/alive: the\s+agent process \d+/) })
  expect((await unlock('--force')).exitCode).toBe(0)
  expect(taggedProcesses(RUN_TAG, runId)).toEqual([])
})

test('where git cannot read the workspace nothing is done; --force leaves the files where they are', async () => {
  const { repo, runId, change, unlock, locked } = await stage()
  const workspace = await worktree(repo, runId, { 'half.ts': 'half\n' })
  change({ workspace })
  writeFileSync(join(repo, '.git', 'worktrees', 'task-7', 'HEAD'), 'nonsense')
  const { exitCode, out } = await unlock()
  expect([exitCode, locked()], out).toEqual([1, true])
  expect((await unlock('--force')).exitCode).toBe(0)
  expect(readFileSync(join(workspace.path, 'half.ts'), 'utf8')).toBe('half\n')
})

test('an older runner’s lock file is let go of too, its worktree rescued', async () => {
  const { repo, lock, runId, unlock, taskNow, taskId } = await stage()
  const { path } = await worktree(repo, runId, { 'half.ts': 'half\n' })
  const seven = {
    task_id: taskId,
    task_title: 'Old',
    agent_id: 'dev_001',
    locked_at: '2026-01-01T00:00:00',
    worktree_path: path,
    branch_name: 'b',
    task_data: { target_role: 'backend_dev' },
  }
  writeFileSync(lock, JSON.stringify(seven), { mode: 0o600 })
  const told = JSON.parse((await unlock('--json')).out)
  expect(told).toMatchObject({ unlocked: true, kept: path, tracker: 'given_back' })
  expect(git(repo, 'show', `${told.rescued[0]}:half.ts`)).toBe('half')
  expect((await taskNow()).status).toBe('created')
})

test('a task of another tracker is refused with 78 and the flag that names it', async () => {
  const { unlock } = await stage({ tracker: { name: 'headless-pm', url: 'http://pm.example:6969' } })
  const { exitCode, out } = await unlock()
  expect([exitCode, out.replace(/\s+/g, ' ')]).toEqual([78, expect.stringContaining('--api-url http://pm.example:6969')])
})

/** A task of a Headless PM server that `dev_001` has in hand, its lock file as a killed runner leaves it. */
async function pmStage() {
  const home = tempFolder('agent-runner-home-')
  const repo = gitRepo()
  const pm = await headlessPmBoard()
  const id = await pm.add('Mend the parser', 'major')
  const tracker = openHeadlessPm({ url: pm.env.HEADLESS_PM_API_URL!, key: pm.env.HEADLESS_PM_API_KEY!, requestTimeoutMs: HANGS_MS })
  onTestFinished(() => tracker.close())
  const signal = new AbortController().signal
  await tracker.register(dev, signal)
  const task = (await tracker.look(dev, 0, signal))!
  const runId = newRunId()
  expect(await tracker.claim(dev, task, runId, signal)).toBe('ours')
  unfinished(home, 'dev_001', runId, { task, tracker: { name: 'headless-pm', url: tracker.url } })
  const env = { HEADLESS_PM_HOME: home, HOME: home, PATH: process.env.PATH ?? '', ...pm.env }
  const unlock = (...args: string[]) => capture(unlockCommand, ['unlock', 'dev_001', ...args], { cwd: repo, env })
  return { pm, home, runId, unlock, taskNow: () => pm.task(id), locked: () => existsSync(lockFilePath(home, 'dev_001')) }
}

test('at Headless PM the lock is opened and the task is as it was found, with one note that names the run', async () => {
  const { runId, unlock, taskNow, locked } = await pmStage()
  expect((await taskNow()).holder).toBe('dev_001')
  expect((await unlock()).exitCode).toBe(0)
  const { status, holder, notes } = await taskNow()
  expect([status, holder, locked()]).toEqual(['created', null, false])
  expect(notes.match(new RegExp(runId, 'g'))).toHaveLength(1)
})

test('a PM that is away refuses with 69; --force says that the task stays locked there, and lets go here', async () => {
  const { pm, unlock, taskNow, locked } = await pmStage()
  await pm.goAway()
  const { exitCode, out } = await unlock()
  expect([exitCode, out.replace(/\s+/g, ' ')]).toEqual([69, expect.stringContaining('the task stays locked there until')])
  expect(locked()).toBe(true)
  const forced = JSON.parse((await unlock('--force', '--json')).out)
  expect(forced).toMatchObject({ unlocked: true, tracker: 'not_told', given_up: [expect.stringContaining('stays locked')] })
  expect([locked(), (await taskNow()).holder]).toEqual([false, 'dev_001'])
})

test('a key that the PM refuses is said to be refused, with its own exit code', async () => {
  const { pm, unlock, locked } = await pmStage()
  pm.server.onRequest = () => ({ status: 401, body: '{"detail":"Invalid API key"}' })
  expect(await unlock()).toMatchObject({ exitCode: 77, out: expect.stringContaining('did not accept our key') })
  expect(locked()).toBe(true)
})

function anAttempt() {
  return {
    number: 1,
    mode: 'fresh',
    sessionId: 's',
    model: 'sonnet',
    startedAt: '2026-07-06T12:00:00Z',
    supervisor: null,
    part: 0,
    directives: [],
    ended: null,
  } as RunRecord['attempts'][number]
}
