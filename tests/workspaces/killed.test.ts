import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { newRunId } from '../../src/core/ids.ts'
import { kill, processesWith } from '../support/git-processes.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'
import { isKept, leftovers, request, rescueRefs, workspacesOf } from '../support/workspaces.ts'

const PROGRAM = join(import.meta.dirname, '..', 'support', 'prepare-program.ts')

/** A run of this test alone: its processes are known by its id. */
function newRun() {
  const own = request({}, newRunId())
  const tag = `AGENT_RUNNER_RUN_ID=${own.runId}`
  onTestFinished(() => processesWith(tag).forEach(kill))
  const gits = () => processesWith(tag, 'git')
  const killGits = async () => {
    await waitFor('the gits to be gone', () => {
      gits().forEach(kill)
      return gits().length === 0
    })
  }
  const start = (repo: string) => {
    const runner = spawn(process.execPath, [PROGRAM, repo, own.runId], { stdio: 'ignore' })
    onTestFinished(() => void runner.kill('SIGKILL'))
    return runner
  }
  return { own, gits, killGits, start }
}

/** A repository in which git, in the middle of checking out, waits at one file until `release` is called. */
function slowRepo() {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`file-${String(n).padStart(2, '0')}.txt`, `${n}\n`]))
  const repo = gitRepo({ ...files, '.gitattributes': 'file-20.txt filter=slow\n' })
  const gate = join(repo, '.git', 'gate')
  writeFiles(repo, { '.git/slow': `#!/bin/sh\necho $$ > '${gate}.reached'\nwhile [ -e '${gate}' ]; do sleep 0.02; done\ncat\n` })
  chmodSync(join(repo, '.git', 'slow'), 0o755)
  git(repo, 'config', 'filter.slow.smudge', join(repo, '.git', 'slow'))
  writeFileSync(gate, '')
  const release = () => rmSync(gate, { force: true })
  onTestFinished(release)
  return { repo, release, reached: () => existsSync(`${gate}.reached`) }
}

test('runner and git killed in the middle of the checkout: the next prepare makes the same worktree, whole', async () => {
  const { repo, release, reached } = slowRepo()
  const { own, killGits, start } = newRun()
  const runner = start(repo)
  await waitFor('git to be in the middle of the checkout', reached)
  runner.kill('SIGKILL')
  await killGits()
  const path = join(repo, '.worktrees', 'task-7')
  expect(existsSync(join(path, '.git'))).toBe(true)
  expect(existsSync(join(repo, '.git', 'worktrees', 'task-7', 'index'))).toBe(false)
  release()
  const { workspaces, warnings } = workspacesOf(repo)
  const workspace = await workspaces.prepare(own)
  expect(workspace).toMatchObject({
    path,
    branch: 'feature/task-7',
    base: git(repo, 'rev-parse', 'main'),
    continued: false,
    fallback: null,
  })
  expect(git(path, 'status', '--porcelain')).toBe('')
  expect(readFileSync(join(path, 'file-39.txt'), 'utf8')).toBe('39\n')
  expect(git(repo, 'worktree', 'list', '--porcelain')).not.toMatch(/locked|prunable/)
  expect(git(repo, 'worktree', 'list').split('\n')).toHaveLength(2)
  expect(warnings).toEqual([])
  expect(rescueRefs(repo)).toEqual([])
  expect((await workspaces.cleanup(workspace, own, true)).kept).toBeNull()
  expect(leftovers(repo)).toEqual([])
})

test('only the runner killed: the next prepare waits for the git that lives on, and takes its worktree', async () => {
  const { repo, release, reached } = slowRepo()
  const { own, gits, start } = newRun()
  const runner = start(repo)
  await waitFor('git to be in the middle of the checkout', reached)
  runner.kill('SIGKILL')
  await waitFor('the runner to be gone', () => runner.signalCode !== null)
  const { workspaces } = workspacesOf(repo)
  const preparing = workspaces.prepare(own)
  // A fixed time: that it does not go on has no other sign.
  expect(await Promise.race([preparing.then(() => 'done'), delay(300, 'waits')])).toBe('waits')
  expect(gits().length).toBeGreaterThan(0)
  release()
  const workspace = await preparing
  expect(workspace).toMatchObject({ branch: 'feature/task-7', continued: false })
  expect(git(workspace.path, 'status', '--porcelain')).toBe('')
  expect(git(repo, 'worktree', 'list', '--porcelain')).not.toContain('locked')
})

test('files that somebody put into a half-made worktree are rescued before it is made again', async () => {
  const { repo, release, reached } = slowRepo()
  const { own, killGits, start } = newRun()
  const runner = start(repo)
  await waitFor('git to be in the middle of the checkout', reached)
  runner.kill('SIGKILL')
  await killGits()
  release()
  const path = join(repo, '.worktrees', 'task-7')
  writeFiles(path, { 'notes.txt': 'found here\n', 'file-00.txt': 'changed here\n' })
  const { workspaces, warnings } = workspacesOf(repo)
  await workspaces.prepare(own)
  expect(git(path, 'status', '--porcelain')).toBe('')
  for (const text of ['found here\n', 'changed here\n']) expect(isKept(repo, text, [])).toBe(true)
  expect(warnings.join()).toContain('half made')
})

test('at whatever moment runner and git are killed, the next prepare gives a whole worktree', async () => {
  for (let round = 0; round < 8; round++) {
    const repo = gitRepo(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`d${n % 9}/f${n}.txt`, `${n}\n`])))
    const { own, killGits, start } = newRun()
    const runner = start(repo)
    const begun = [
      () =>
        existsSync(join(repo, '.git', 'info', 'exclude')) &&
        readFileSync(join(repo, '.git', 'info', 'exclude'), 'utf8').includes('.worktrees'),
      () => existsSync(join(repo, '.git', `agent-runner-${own.runId}.json`)),
      () => existsSync(join(repo, '.git', 'refs', 'heads', 'feature')),
      () => existsSync(join(repo, '.git', 'worktrees')),
      () => existsSync(join(repo, '.worktrees', 'task-7')),
      () => existsSync(join(repo, '.worktrees', 'task-7', 'd0')),
      () => existsSync(join(repo, '.git', 'worktrees', 'task-7', 'index.lock')),
      () => existsSync(join(repo, '.git', 'worktrees', 'task-7', 'index')),
    ][round]!
    // Spinning, not waiting: some of these moments last less than a millisecond.
    const until = performance.now() + 20_000
    while (!begun() && performance.now() < until && runner.exitCode === null) await new Promise(setImmediate)
    runner.kill('SIGKILL')
    await killGits()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(own)
    expect(workspace).toMatchObject({
      path: join(repo, '.worktrees', 'task-7'),
      branch: 'feature/task-7',
      continued: false,
      fallback: null,
    })
    expect(git(workspace.path, 'status', '--porcelain')).toBe('')
    expect(git(repo, 'worktree', 'list', '--porcelain')).not.toMatch(/locked|prunable/)
    expect(await workspaces.prepare(own)).toEqual(workspace)
    expect((await workspaces.cleanup(workspace, own, true)).kept).toBeNull()
    expect(leftovers(repo)).toEqual([])
    expect(existsSync(join(repo, '.git', 'worktrees', 'task-7'))).toBe(false)
  }
})

test('an index.lock that a live git may hold is left alone, and taken away when that git has gone', async () => {
  const repo = gitRepo()
  const { workspaces } = workspacesOf(repo)
  const own = request()
  const workspace = await workspaces.prepare(own)
  writeFiles(workspace.path, { 'a.txt': 'a\n' })
  const lock = join(git(workspace.path, 'rev-parse', '--absolute-git-dir'), 'index.lock')
  writeFileSync(lock, '')
  const live = spawn('git', ['cat-file', '--batch'], { cwd: workspace.path, stdio: ['pipe', 'ignore', 'ignore'] })
  onTestFinished(() => void live.kill('SIGKILL'))
  await waitFor(
    'git to run',
    () => live.pid && existsSync(`/proc/${live.pid}`) && readFileSync(`/proc/${live.pid}/comm`, 'utf8').trim() === 'git',
  )
  const collecting = workspaces.collect(workspace, own, true)
  // A fixed time: that it does not go on has no other sign.
  expect(await Promise.race([collecting.then(() => 'done'), delay(400, 'waits')])).toBe('waits')
  expect(existsSync(lock)).toBe(true)
  live.kill('SIGKILL')
  expect((await collecting).commits).toHaveLength(1)
  expect(existsSync(lock)).toBe(false)
})

test('what a git left at its first moments, even for another task, is no obstacle', async () => {
  const repo = gitRepo()
  const admin = join(repo, '.git', 'worktrees')
  const half = join(repo, '.worktrees', 'task-6')
  writeFiles(admin, { 'task-6/gitdir': `${half}/.git\n`, 'task-6/commondir': '', 'task-6/locked': 'initializing' })
  writeFiles(half, { '.git': `gitdir: ${admin}/task-6\n` })
  writeFiles(admin, { 'task-7/locked': 'initializing', 'task-7/gitdir': '' })
  writeFiles(join(repo, '.git', 'refs', 'heads', 'feature'), { 'task-7.lock': '' })
  expect(() => git(repo, 'worktree', 'list')).toThrow()
  const { workspaces } = workspacesOf(repo)
  expect(await workspaces.plan(request())).toMatchObject({ kind: 'worktree', branch: 'feature/task-7', remark: null })
  const workspace = await workspaces.prepare(request())
  expect(workspace).toMatchObject({ path: join(repo, '.worktrees', 'task-7'), branch: 'feature/task-7', fallback: null })
  expect(await workspaces.prepare(request({ id: '6' }, 'run_6'))).toMatchObject({ path: half, branch: 'feature/task-6', fallback: null })
  expect(git(repo, 'worktree', 'list', '--porcelain')).not.toMatch(/locked|prunable/)
  expect(git(repo, 'worktree', 'list').split('\n')).toHaveLength(3)
})

test('what a removal that was killed has deleted already is never taken for work of the agent', async () => {
  const { repo, release, reached } = slowRepo()
  release()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  expect(reached()).toBe(true)
  const admin = git(workspace.path, 'rev-parse', '--absolute-git-dir')
  writeFiles(workspace.path, { 'a.txt': 'a\n' })
  const report = await workspaces.collect(workspace, request(), true)
  // As a kill in the middle leaves it.
  writeFileSync(join(admin, 'agent-runner-removing'), '')
  rmSync(join(workspace.path, 'file-00.txt'))
  const again = await workspaces.collect(workspace, request(), true)
  expect(again.commits).toEqual(report.commits)
  const next = await workspaces.prepare(request({}, 'run_next'))
  expect(next).toMatchObject({ path: workspace.path, branch: workspace.branch, base: report.commits[0]!.sha })
  expect(git(next.path, 'status', '--porcelain')).toBe('')
  expect((await workspaces.cleanup(next, request({}, 'run_next'), true)).kept).toBeNull()
})

test('what a removal that was killed has left of the git folder goes too, but not one that is being made', async () => {
  const repo = gitRepo()
  const { own } = newRun()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(own)
  const admin = git(workspace.path, 'rev-parse', '--absolute-git-dir')
  rmSync(workspace.path, { recursive: true })
  rmSync(join(admin, 'gitdir'))
  const beingMade = `${admin}1`
  writeFiles(beingMade, { locked: 'initializing\n' })
  expect(await workspaces.cleanup(workspace, own, true)).toMatchObject({ kept: null })
  expect(existsSync(admin)).toBe(false)
  expect(existsSync(beingMade)).toBe(true)
})

test('a removal says so in the git folder before git deletes the first file', async () => {
  const repo = gitRepo()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  const bin = tempFolder()
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim()
  const look = `case "$*" in *"worktree remove"*) ls '${repo}/.git/worktrees/task-7' > '${bin}/seen';; esac`
  writeFiles(bin, { git: `#!/bin/sh\n${look}\nexec '${real}' "$@"\n` })
  chmodSync(join(bin, 'git'), 0o755)
  const path = process.env.PATH
  process.env.PATH = `${bin}:${path}`
  try {
    expect((await workspaces.cleanup(workspace, request(), true)).kept).toBeNull()
  } finally {
    process.env.PATH = path
  }
  expect(readFileSync(join(bin, 'seen'), 'utf8').split('\n')).toContain('agent-runner-removing')
})

test('a private index that a kill left behind is gone after the cleanup', async () => {
  for (const complexity of ['minor', 'major'] as const) {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const own = request({ complexity })
    const workspace = await workspaces.prepare(own)
    const gitDir = git(workspace.path, 'rev-parse', '--absolute-git-dir')
    writeFiles(gitDir, { [`agent-runner-${own.runId}.index`]: 'cut', [`agent-runner-${own.runId}.index.lock`]: '' })
    await workspaces.cleanup(workspace, own, false)
    expect(leftovers(repo)).toEqual([])
  }
})

test('who is in a hurry does not wait for a git that is deaf, and the next prepare makes the worktree whole', async () => {
  const { repo, release, reached } = slowRepo()
  const { own, killGits } = newRun()
  const { workspaces, warnings } = workspacesOf(repo, { onWorktreeFailure: 'in-place' })
  const hurry = new AbortController()
  const prepared = workspaces.prepare(own, hurry.signal).then(
    () => null,
    error => error,
  )
  await waitFor('git to be in the middle of the checkout', reached)
  hurry.abort()
  expect(await prepared).toMatchObject({ code: 'GIT_FAILED', message: expect.stringContaining('not wanted any more') })
  expect(warnings).toEqual([])
  await killGits()
  release()
  const workspace = await workspaces.prepare(own)
  expect(workspace).toMatchObject({ kind: 'worktree' })
  expect(git(workspace.path, 'status', '--porcelain')).toBe('')
})
