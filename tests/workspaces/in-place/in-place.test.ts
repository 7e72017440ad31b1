import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../../support/git-repo.ts'
import { tempFolder } from '../../support/temp.ts'
import { isKept, request, rescueRefs, workspacesOf } from '../../support/workspaces.ts'

const minor = request({ complexity: 'minor' })

/** A repository in which the user has staged, unstaged, half-staged, deleted and untracked changes. */
function dirtyRepo() {
  const repo = gitRepo({ 'staged.txt': 'a\n', 'edited.txt': 'b\n', 'both.txt': 'c\n', 'removed.txt': 'd\n', 'free.txt': 'free\n' })
  writeFiles(repo, {
    'staged.txt': 'A staged\n',
    'both.txt': 'C staged\n',
    'dir/new.txt': 'untracked by the user\n',
    'added.txt': 'added\n',
  })
  git(repo, 'add', 'staged.txt', 'both.txt', 'added.txt')
  writeFiles(repo, { 'edited.txt': 'B edited\r\n', 'both.txt': 'C staged, then edited\n' })
  rmSync(join(repo, 'removed.txt'))
  return repo
}

function usersState(repo: string) {
  const names = ['staged.txt', 'edited.txt', 'both.txt', 'added.txt', 'dir/new.txt']
  return {
    files: names.map(name => readFileSync(join(repo, name), 'utf8')),
    removed: existsSync(join(repo, 'removed.txt')),
    index: git(repo, 'ls-files', '-s', '--', ...names, 'removed.txt'),
    staged: git(repo, 'diff', '--cached', '--name-status'),
    status: git(repo, 'status', '--porcelain', '-uall'),
  }
}

describe('beside changes of the user', () => {
  test('a task is refused, with the paths and what to do', async () => {
    const repo = dirtyRepo()
    const before = usersState(repo)
    const { workspaces } = workspacesOf(repo)
    const refusal = expect(workspaces.prepare(minor)).rejects
    await refusal.toMatchObject({ code: 'GIT_FAILED' })
    await expect(workspaces.prepare(minor)).rejects.toThrow(/uncommitted changes \(.*and 3 more\); commit or stash/)
    expect((await workspaces.plan(minor)).remark).toMatch(/uncommitted changes/)
    expect(usersState(repo)).toEqual(before)
    expect(rescueRefs(repo)).toEqual([])
  })

  test('a success commits the work of the agent and not one byte of the user', async () => {
    const repo = dirtyRepo()
    const before = usersState(repo)
    const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
    const workspace = await workspaces.prepare(minor)
    expect(workspace.dirtyAtStart.sort()).toEqual(['added.txt', 'both.txt', 'dir/new.txt', 'edited.txt', 'removed.txt', 'staged.txt'])
    writeFiles(repo, { 'free.txt': 'by the agent\n', 'dir/agent.txt': 'agent\n' })
    const report = await workspaces.collect(workspace, minor, true)
    expect(report.files.map(file => file.path)).toEqual(['dir/agent.txt', 'free.txt'])
    expect(report.remarks).toEqual([])
    expect(usersState(repo)).toEqual(before)
    expect(await workspaces.cleanup(workspace, minor, true)).toEqual({ kept: null, rescued: [] })
    expect(usersState(repo)).toEqual(before)
    expect(rescueRefs(repo)).toEqual([])
  })

  test('a failure moves the work of the agent away and touches not one byte of the user', async () => {
    const repo = dirtyRepo()
    const before = usersState(repo)
    const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
    const workspace = await workspaces.prepare(minor)
    writeFiles(repo, { 'free.txt': 'by the agent\n', 'dir/agent.txt': 'agent\n', 'other/deep/file.txt': 'deep\n' })
    git(repo, 'add', 'other')
    await workspaces.collect(workspace, minor, false)
    const { rescued } = await workspaces.cleanup(workspace, minor, false)
    expect(usersState(repo)).toEqual(before)
    expect(existsSync(join(repo, 'other'))).toBe(false)
    expect(readFileSync(join(repo, 'free.txt'), 'utf8')).toBe('free\n')
    expect(rescued).toHaveLength(1)
    expect(git(repo, 'show', `${rescued[0]}:other/deep/file.txt`)).toBe('deep')
    expect(git(repo, 'show', `${rescued[0]}:free.txt`)).toBe('by the agent')
  })

  test('what the agent does to a changed file of the user stays uncommitted, and how it was is kept', async () => {
    const repo = dirtyRepo()
    const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
    const workspace = await workspaces.prepare(minor)
    writeFiles(repo, { 'free.txt': 'by the agent\n', 'edited.txt': 'by the agent\n', 'dir/new.txt': 'by the agent\n' })
    const report = await workspaces.collect(workspace, minor, true)
    expect(report.files.map(file => file.path)).toEqual(['free.txt'])
    expect(report.remarks.join()).toContain('The agent also changed dir/new.txt, edited.txt')
    expect(report.rescued).toEqual([expect.stringMatching(/\/start$/)])
    const { rescued } = await workspaces.cleanup(workspace, minor, true)
    expect(rescued).toEqual(report.rescued)
    expect(git(repo, 'show', `${rescued[0]}:dir/new.txt`)).toBe('untracked by the user')
    expect(isKept(repo, 'B edited\r\n', [])).toBe(true)
  })
})

test('after a failure the checkout is as clean as before: files, modes, links, index and an unfinished merge', async () => {
  const repo = gitRepo({ 'a.txt': 'a\n', 'run.sh': '#!/bin/sh\n', 'dir/b.txt': 'b\n' })
  git(repo, 'checkout', '-q', '-b', 'side')
  writeFiles(repo, { 'a.txt': 'side\n' })
  git(repo, 'commit', '-q', '-am', 'side')
  git(repo, 'checkout', '-q', 'main')
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(minor)
  writeFiles(repo, { 'a.txt': 'committed by the agent\n' })
  git(repo, 'commit', '-q', '-am', 'agent')
  expect(() => git(repo, 'merge', 'side')).toThrow()
  chmodSync(join(repo, 'run.sh'), 0o755)
  rmSync(join(repo, 'dir'), { recursive: true })
  writeFileSync(join(repo, 'dir'), 'a file where a folder was\n')
  symlinkSync('a.txt', join(repo, 'link'))
  git(repo, 'add', 'link')
  await workspaces.collect(workspace, minor, false)
  const { rescued } = await workspaces.cleanup(workspace, minor, false)
  expect(git(repo, 'status', '--porcelain=v2', '--branch', '--untracked-files=all')).toBe(
    `# branch.oid ${git(repo, 'rev-parse', 'HEAD')}\n# branch.head main`,
  )
  expect(git(repo, 'log', '-1', '--format=%s')).toBe('agent')
  expect(existsSync(join(repo, '.git', 'MERGE_HEAD'))).toBe(false)
  expect(git(repo, 'show', `${rescued[0]}:dir`)).toBe('a file where a folder was')
  expect(git(repo, 'show', `${rescued[0]}:a.txt`)).toContain('<<<<<<<')
  await expect(workspaces.prepare(request({ complexity: 'minor' }, 'run_next'))).resolves.toMatchObject({ dirtyAtStart: [] })
})

test('a cleanup that was interrupted halfway is finished by the next one without a second rescue', async () => {
  const repo = gitRepo({ 'a.txt': 'a\n', 'b.txt': 'b\n' })
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(minor)
  writeFiles(repo, { 'a.txt': 'agent\n', 'b.txt': 'agent too\n', 'c.txt': 'new\n' })
  const first = await workspaces.cleanup(workspace, minor, false)
  // As after a kill between the two files: one is restored, one deleted, one not yet looked at.
  writeFiles(repo, { 'b.txt': 'agent too\n' })
  rmSync(join(repo, 'a.txt'))
  expect(await workspaces.cleanup(workspace, minor, false)).toEqual(first)
  expect(git(repo, 'status', '--porcelain')).toBe('')
})

test('a repository without commits is worked on in place, also for a major task, with the reason', async () => {
  const repo = tempFolder()
  git(repo, 'init', '-q', '-b', 'main')
  const { workspaces, warnings } = workspacesOf(repo, { onWorktreeFailure: 'in-place' })
  const workspace = await workspaces.prepare(request())
  expect(workspace).toMatchObject({ kind: 'in-place', branch: 'main', base: null })
  expect(workspace.fallback).toContain('no commits yet')
  expect(warnings.join()).toContain('no commits yet')
  writeFiles(repo, { 'first.txt': 'first\n' })
  const report = await workspaces.collect(workspace, request(), true)
  expect(report.commits).toHaveLength(1)
  expect(report.files).toEqual([{ path: 'first.txt', added: 1, removed: 0 }])
  expect(git(repo, 'status', '--porcelain')).toBe('')
  expect((await workspaces.cleanup(workspace, request(), true)).rescued).toEqual([])
})

test('a failed task in a repository without commits leaves it empty and the work kept', async () => {
  const repo = tempFolder()
  git(repo, 'init', '-q', '-b', 'main')
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(minor)
  writeFiles(repo, { 'first.txt': 'first\n' })
  git(repo, 'add', '-A')
  await workspaces.collect(workspace, minor, false)
  const { rescued } = await workspaces.cleanup(workspace, minor, false)
  expect(git(repo, 'status', '--porcelain')).toBe('')
  expect(git(repo, 'show', `${rescued[0]}:first.txt`)).toBe('first')
})

test('a detached HEAD is worked on where it is, and the commit gets a ref', async () => {
  const repo = gitRepo()
  git(repo, 'checkout', '-q', '--detach')
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(minor)
  expect(workspace.branch).toBeNull()
  writeFiles(repo, { 'a.txt': 'a\n' })
  const report = await workspaces.collect(workspace, minor, true)
  expect(report.commits).toHaveLength(1)
  expect(git(repo, 'show', `${report.rescued[0]}:a.txt`)).toBe('a')
})

test('a checkout with an unfinished merge is refused even where dirty ones are allowed', async () => {
  const repo = gitRepo({ 'a.txt': 'a\n' })
  git(repo, 'checkout', '-q', '-b', 'side')
  writeFiles(repo, { 'a.txt': 'side\n' })
  git(repo, 'commit', '-q', '-am', 'side')
  git(repo, 'checkout', '-q', 'main')
  writeFiles(repo, { 'a.txt': 'main\n' })
  git(repo, 'commit', '-q', '-am', 'main')
  expect(() => git(repo, 'merge', 'side')).toThrow()
  const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
  await expect(workspaces.prepare(minor)).rejects.toThrow(/a merge is unfinished/)
})

test('a failed task that switched branches gives the repository back on its branch', async () => {
  const repo = gitRepo()
  const { workspaces, warnings } = workspacesOf(repo)
  const workspace = await workspaces.prepare(minor)
  git(repo, 'checkout', '-q', '-b', 'elsewhere')
  writeFiles(repo, { 'a.txt': 'a\n' })
  await workspaces.collect(workspace, minor, false)
  await workspaces.cleanup(workspace, minor, false)
  expect(git(repo, 'symbolic-ref', '--short', 'HEAD')).toBe('main')
  expect(warnings.join()).toContain('back on main')
})

test('without git the folder is worked on as it is, and said to be so', async () => {
  const folder = tempFolder()
  writeFiles(folder, { 'a.txt': 'a\n' })
  const { workspaces, warnings } = workspacesOf(folder)
  const workspace = await workspaces.prepare(minor)
  expect(workspace).toMatchObject({ kind: 'in-place', path: folder, branch: null, base: null, startTree: null })
  expect(warnings.join()).toContain('no git repository')
  expect((await workspaces.collect(workspace, minor, true)).commits).toEqual([])
  expect(await workspaces.cleanup(workspace, minor, false)).toEqual({ kept: null, rescued: [] })
  expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toBe('a\n')
  await expect(workspaces.prepare(request())).rejects.toMatchObject({ code: 'GIT_FAILED' })
})

test('a repository that git refuses to open is not taken for a folder without git', async () => {
  const repo = gitRepo()
  writeFileSync(join(repo, '.git', 'config'), '[core\n')
  await expect(workspacesOf(repo).workspaces.prepare(minor)).rejects.toMatchObject({ code: 'GIT_FAILED' })
})

test('a folder below the top stands for the whole repository', async () => {
  const repo = gitRepo({ 'packages/one/a.txt': 'a\n' })
  const { workspaces } = workspacesOf(join(repo, 'packages', 'one'))
  expect(await workspaces.prepare(minor)).toMatchObject({ repo, path: repo })
})

test('a change of equal size within the same clock tick as the index is seen', async () => {
  const repo = gitRepo({ 'a.txt': 'one\n' })
  git(repo, 'config', 'core.checkStat', 'minimal')
  git(repo, 'config', 'core.trustctime', 'false')
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(minor)
  const tick = Math.floor(Date.now() / 1000) - 60
  utimesSync(join(repo, 'a.txt'), tick, tick)
  git(repo, 'update-index', '--refresh')
  writeFiles(repo, { 'a.txt': 'two\n' })
  utimesSync(join(repo, 'a.txt'), tick, tick)
  utimesSync(join(repo, '.git', 'index'), tick, tick)
  const report = await workspaces.collect(workspace, minor, true)
  expect(report.files).toEqual([{ path: 'a.txt', added: 1, removed: 1 }])
})

test('a repository that the agent made inside is not committed as a bare link', async () => {
  const repo = gitRepo()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(minor)
  gitRepo({ 'x.txt': 'x\n' }, join(repo, 'inner'))
  mkdirSync(join(repo, 'plain'))
  writeFiles(repo, { 'plain/a.txt': 'a\n' })
  const report = await workspaces.collect(workspace, minor, true)
  expect(report.files.map(file => file.path)).toEqual(['plain/a.txt'])
  expect(report.remarks.join()).toContain('inner is a repository of its own')
  expect(readFileSync(join(repo, 'inner', 'x.txt'), 'utf8')).toBe('x\n')
})

test("a state folder inside the checkout is no change of the user's and is never committed, by us or by the agent", async () => {
  const repo = gitRepo()
  const stateFolder = join(repo, 'own state')
  writeFiles(repo, { 'own state/agent-runner.db': 'tasks\n' })
  const { workspaces } = workspacesOf(repo, { stateFolder })
  expect((await workspaces.plan(minor)).remark).toBeNull()
  const workspace = await workspaces.prepare(minor)
  writeFiles(repo, { 'a.txt': 'a\n', 'own state/runs/one/prompt.md': 'text\n' })
  git(repo, 'add', '-A')
  const report = await workspaces.collect(workspace, minor, true)
  expect(report.files.map(file => file.path)).toEqual(['a.txt'])
  expect(git(repo, 'ls-files')).not.toContain('own state')
  expect(git(repo, 'status', '--porcelain', '-uall')).toBe('')
})
