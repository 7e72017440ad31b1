import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { WorkspaceRecord } from '../../src/core/run.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { isKept, leftovers, request, workspacesOf } from '../support/workspaces.ts'

/** A worktree in which the agent has committed one file and written another. */
async function atWork(repo = gitRepo()) {
  const { workspaces, warnings } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  writeFiles(workspace.path, { 'committed.txt': 'committed by the agent\n' })
  git(workspace.path, 'add', '-A')
  git(workspace.path, 'commit', '-q', '-m', 'first piece')
  writeFiles(workspace.path, { 'open.txt': 'left open by the agent\n' })
  return { repo, workspaces, warnings, workspace, commit: git(workspace.path, 'rev-parse', 'HEAD') }
}

const contains = (repo: string, commit: string) => git(repo, 'for-each-ref', '--contains', commit, '--format=%(refname)') !== ''
const bothKept = (repo: string, { path }: WorkspaceRecord) =>
  ['committed by the agent\n', 'left open by the agent\n'].map(text => isKept(repo, text, [path]))

test('a worktree folder that is removed by hand in the middle: what was committed is there, and the end goes through twice', async () => {
  const { repo, workspaces, workspace, commit } = await atWork()
  rmSync(workspace.path, { recursive: true })
  const report = await workspaces.collect(workspace, request(), true)
  expect(report.commits.map(({ subject }) => subject)).toEqual(['first piece'])
  for (let twice = 0; twice < 2; twice++) await workspaces.cleanup(workspace, request(), true)
  expect(git(repo, 'rev-parse', workspace.branch!)).toBe(commit)
  expect(git(repo, 'worktree', 'list').split('\n')).toHaveLength(1)
  expect(leftovers(repo)).toEqual([])
})

test('a worktree that is removed while HEAD was off its branch: the branch holds what was committed', async () => {
  const { repo, workspaces, workspace } = await atWork()
  git(workspace.path, 'checkout', '-q', '--detach')
  git(repo, 'branch', '-q', '-D', workspace.branch!)
  git(workspace.path, 'add', '-A')
  git(workspace.path, 'commit', '-q', '-m', 'second piece')
  rmSync(workspace.path, { recursive: true })
  const report = await workspaces.collect(workspace, request(), true)
  expect(report).toMatchObject({ branch: workspace.branch, commits: [{ subject: 'first piece' }, { subject: 'second piece' }] })
  expect(report.replaced).toBeUndefined()
  expect(git(repo, 'log', '-1', '--format=%s', workspace.branch!)).toBe('second piece')
})

test('a worktree that is gone with the branch and all commits is no work that was done', async () => {
  const { repo, workspaces, workspace } = await atWork()
  git(workspace.path, 'checkout', '-q', '--detach')
  git(repo, 'branch', '-q', '-D', workspace.branch!)
  git(repo, 'worktree', 'remove', '--force', workspace.path)
  const report = await workspaces.collect(workspace, request(), true)
  expect(report).toMatchObject({ commits: [], replaced: { what: 'workspace' } })
  expect(report.remarks.join()).toMatch(/There is no worktree in .*had been deleted while it was worked on/)
})

test.for([null, 0])('a worktree whose .git is gone, or cut off after %s bytes, is whole again, with what was open in it', async bytes => {
  const { repo, workspaces, workspace, commit } = await atWork()
  const link = join(workspace.path, '.git')
  const before = readFileSync(link, 'utf8')
  if (bytes === null) rmSync(link)
  else truncateSync(link, bytes)
  writeFileSync(`${workspace.path}.git.new`, 'left by a kill')
  expect((await workspaces.prepare(request())).path).toBe(workspace.path)
  expect(readFileSync(link, 'utf8')).toBe(before)
  expect(readFileSync(join(workspace.path, 'open.txt'), 'utf8')).toBe('left open by the agent\n')
  const { commits } = await workspaces.collect(workspace, request(), true)
  expect(commits[0]!.sha).toBe(commit)
  expect(commits).toHaveLength(2)
  writeFileSync(`${workspace.path}.git.new`, 'left by a kill')
  await workspaces.cleanup(workspace, request(), true)
  expect(existsSync(join(repo, '.worktrees')) ? readdirSync(join(repo, '.worktrees')) : []).toEqual([])
  expect(leftovers(repo)).toEqual([])
})

test('a branch that is deleted under the agent: its commits and its open work are kept by a ref', async () => {
  const { repo, workspaces, workspace, commit } = await atWork()
  git(repo, 'update-ref', '-d', `refs/heads/${workspace.branch}`)
  await workspaces.collect(workspace, request(), true)
  await workspaces.cleanup(workspace, request(), true)
  expect(bothKept(repo, workspace)).toEqual([true, true])
  expect(contains(repo, commit) || existsSync(workspace.path)).toBe(true)
})

test('a branch that is moved under the agent: nothing of either side is lost', async () => {
  const { repo, workspaces, workspace } = await atWork()
  const other = git(repo, 'commit-tree', '-p', 'main', '-m', 'from elsewhere', 'main^{tree}')
  git(repo, 'update-ref', `refs/heads/${workspace.branch}`, other)
  await workspaces.collect(workspace, request(), true)
  await workspaces.cleanup(workspace, request(), true)
  expect(bothKept(repo, workspace)).toEqual([true, true])
  expect(contains(repo, other)).toBe(true)
})

test('an agent that goes off its branch (detached HEAD) loses no commit', async () => {
  const { repo, workspaces, workspace } = await atWork()
  git(workspace.path, 'checkout', '-q', '--detach')
  writeFiles(workspace.path, { 'off.txt': 'off the branch\n' })
  git(workspace.path, 'add', 'off.txt')
  git(workspace.path, 'commit', '-q', '-m', 'off the branch')
  const off = git(workspace.path, 'rev-parse', 'HEAD')
  await workspaces.collect(workspace, request(), true)
  await workspaces.cleanup(workspace, request(), true)
  expect(bothKept(repo, workspace)).toEqual([true, true])
  expect(contains(repo, off)).toBe(true)
})

test('a base branch that is deleted while the agent works is no obstacle to its end', async () => {
  const repo = gitRepo()
  git(repo, 'branch', 'trunk')
  const { workspaces } = workspacesOf(repo, { baseBranch: 'trunk' })
  const workspace = await workspaces.prepare(request())
  writeFiles(workspace.path, { 'new.txt': 'new\n' })
  git(repo, 'branch', '-D', 'trunk')
  const report = await workspaces.collect(workspace, request(), true)
  expect(report.files.map(({ path }) => path)).toEqual(['new.txt'])
  expect(await workspaces.cleanup(workspace, request(), true)).toEqual({ kept: null, rescued: [] })
  expect(git(repo, 'show', `${workspace.branch}:new.txt`)).toBe('new')
})

test.for(['exit 1', 'echo "lint: no" >&2; exit 3', 'rm -f "$GIT_INDEX_FILE"; exit 1'])(
  'a pre-commit hook that fails (%s) does not cost the work, and is told',
  async body => {
    const repo = gitRepo()
    const hook = join(repo, '.git/hooks/pre-commit')
    mkdirSync(join(repo, '.git/hooks'), { recursive: true })
    // It lets the agent's own commit through.
    writeFileSync(hook, `#!/bin/sh\ntest -e open.txt || exit 0\n${body}\n`)
    chmodSync(hook, 0o755)
    const { workspaces, workspace } = await atWork(repo)
    const report = await workspaces.collect(workspace, request(), true)
    expect(report.remarks.join(' ')).toMatch(/hook|could not be committed/)
    await workspaces.cleanup(workspace, request(), true)
    expect(bothKept(repo, workspace)).toEqual([true, true])
    expect(leftovers(repo)).toEqual([])
  },
)

test('without any identity the work is committed all the same', async () => {
  const repo = gitRepo()
  git(repo, 'config', '--unset', 'user.name')
  git(repo, 'config', '--unset', 'user.email')
  const before = { ...process.env }
  // No identity of the user, of the system, or made up from the machine's name.
  Object.assign(process.env, {
    HOME: tempFolder(),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    XDG_CONFIG_HOME: tempFolder(),
  })
  git(repo, 'config', 'user.useConfigOnly', 'true')
  try {
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    writeFiles(workspace.path, { 'new.txt': 'new\n' })
    const report = await workspaces.collect(workspace, request(), true)
    expect(report.commits).toHaveLength(1)
    await workspaces.cleanup(workspace, request(), true)
    expect(git(repo, 'show', `${workspace.branch}:new.txt`)).toBe('new')
  } finally {
    for (const name of ['HOME', 'GIT_CONFIG_GLOBAL', 'GIT_CONFIG_NOSYSTEM', 'XDG_CONFIG_HOME'])
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
  }
})

test('a huge untracked file is committed in bounded memory, and is not in the diff', async () => {
  const { repo, workspaces, workspace } = await atWork()
  const file = openSync(join(workspace.path, 'huge.bin'), 'w')
  ftruncateSync(file, 200_000_000)
  closeSync(file)
  const before = process.memoryUsage().rss
  const report = await workspaces.collect(workspace, request(), true)
  await workspaces.cleanup(workspace, request(), true)
  expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
  expect(report.diff.length).toBeLessThan(200_000)
  expect(git(repo, 'cat-file', '-s', `${workspace.branch}:huge.bin`)).toBe('200000000')
})

test('a worktree that is moved away by hand: nothing is made in its place, and the moved files stay', async () => {
  const { workspaces, workspace } = await atWork()
  const elsewhere = `${workspace.path}-moved`
  renameSync(workspace.path, elsewhere)
  await workspaces.collect(workspace, request(), true)
  await workspaces.cleanup(workspace, request(), true)
  expect(statSync(join(elsewhere, 'open.txt')).size).toBeGreaterThan(0)
  expect(existsSync(workspace.path)).toBe(false)
})
