import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { isKept, leftovers, request, rescueRefs, withoutWorktrees, workspacesOf } from '../support/workspaces.ts'

const FILES = { 'a.txt': 'a\n', 'dir/b.txt': 'b\n', 'c.txt': 'c\n', 'd.txt': 'd\n' }

/** What an agent does that hides all its changes from git: edits under each flag and both, and a deletion. */
function workHidden(path: string) {
  writeFiles(path, { 'a.txt': 'A of the agent\n', 'dir/b.txt': 'B of the agent\n', 'c.txt': 'C of the agent\n' })
  rmSync(join(path, 'd.txt'))
  git(path, 'update-index', '--assume-unchanged', 'a.txt', 'c.txt', 'd.txt')
  git(path, 'update-index', '--skip-worktree', 'dir/b.txt', 'c.txt')
  expect(git(path, 'status', '--porcelain')).toBe('')
}

const flagsIn = (path: string) =>
  git(path, 'ls-files', '-v')
    .split('\n')
    .filter(line => !line.startsWith('H'))

const KINDS = [
  { kind: 'worktree', complexity: 'major' },
  { kind: 'clone', complexity: 'major' },
  { kind: 'in-place', complexity: 'minor' },
] as const

describe.each(KINDS)('changes that the agent hides from git by flags of the index, in a $kind', ({ kind, complexity }) => {
  const task = request({ complexity })
  const open = (repo: string) => workspacesOf(repo, kind === 'clone' ? withoutWorktrees(repo) : {})

  test('are committed after a success', async () => {
    const repo = gitRepo(FILES)
    const { workspaces } = open(repo)
    const workspace = await workspaces.prepare(task)
    expect(workspace.kind).toBe(kind)
    workHidden(workspace.path)
    const report = await workspaces.collect(workspace, task, true)
    expect(report.files.map(file => file.path)).toEqual(['a.txt', 'c.txt', 'd.txt', 'dir/b.txt'])
    expect(await workspaces.cleanup(workspace, task, true)).toEqual({ kept: null, rescued: [] })
    expect(git(repo, 'show', `${workspace.branch}:c.txt`)).toBe('C of the agent')
    expect(git(repo, 'ls-tree', '-r', '--name-only', workspace.branch!).split('\n')).toEqual(['a.txt', 'c.txt', 'dir/b.txt'])
    expect(flagsIn(repo)).toEqual([])
    expect(git(repo, 'status', '--porcelain', '--untracked-files=no')).toBe('')
    expect(leftovers(repo)).toEqual([])
  })

  test('are told and not lost after a failure', async () => {
    const repo = gitRepo(FILES)
    const { workspaces } = open(repo)
    const workspace = await workspaces.prepare(task)
    workHidden(workspace.path)
    const report = await workspaces.collect(workspace, task, false)
    expect(report.remarks.join()).toMatch(/ncommitted.*a\.txt, c\.txt/)
    const { kept } = await workspaces.cleanup(workspace, task, false)
    for (const text of ['A of the agent\n', 'B of the agent\n', 'C of the agent\n'])
      expect(isKept(repo, text, kept === null ? [] : [workspace.path])).toBe(true)
    if (kind === 'in-place') expect(readFileSync(join(repo, 'a.txt'), 'utf8')).toBe('a\n')
    // What stays for a person is seen by a person.
    else if (kept !== null) expect(git(workspace.path, 'status', '--porcelain')).toContain('M a.txt')
  })
})

test('a worktree in which changes are hidden after they were collected is not removed without them', async () => {
  const repo = gitRepo(FILES)
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  await workspaces.collect(workspace, request(), true)
  workHidden(workspace.path)
  await workspaces.cleanup(workspace, request(), true)
  for (const text of ['A of the agent\n', 'B of the agent\n', 'C of the agent\n'])
    expect(isKept(repo, text, existsSync(workspace.path) ? [workspace.path] : [])).toBe(true)
})

test('files that a sparse checkout leaves out are no changes', async () => {
  const repo = gitRepo(FILES)
  git(repo, 'sparse-checkout', 'set', 'nothing')
  expect(existsSync(join(repo, 'dir'))).toBe(false)
  const { workspaces } = workspacesOf(repo)
  const minor = request({ complexity: 'minor' })
  const workspace = await workspaces.prepare(minor)
  expect(workspace.dirtyAtStart).toEqual([])
  writeFileSync(join(repo, 'e.txt'), 'new\n')
  const report = await workspaces.collect(workspace, minor, true)
  expect(report.files.map(file => file.path)).toEqual(['e.txt'])
  await workspaces.cleanup(workspace, minor, true)
  expect(flagsIn(repo)).toEqual(['S dir/b.txt'])
})

describe("the user's changes under such flags, in place", () => {
  const minor = request({ complexity: 'minor' })

  /** A repository in which the user keeps settings of their own out of git's sight; `c.txt` has a flag and no change. */
  function hiding() {
    const repo = gitRepo(FILES)
    writeFiles(repo, { 'a.txt': 'a\nof the user\n', 'dir/b.txt': 'b\nof the user\n' })
    git(repo, 'update-index', '--assume-unchanged', 'a.txt', 'c.txt')
    git(repo, 'update-index', '--skip-worktree', 'dir/b.txt')
    return repo
  }
  const FLAGS = ['h a.txt', 'h c.txt', 'S dir/b.txt']
  const users = (repo: string) => ['a.txt', 'dir/b.txt'].map(name => readFileSync(join(repo, name), 'utf8'))
  const WERE = ['a\nof the user\n', 'b\nof the user\n']

  test.each([true, false])('are in nobody’s way, are not committed and stay hidden (success: %s)', async success => {
    const repo = hiding()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(minor)
    expect(workspace.dirtyAtStart).toEqual(['a.txt', 'dir/b.txt'])
    writeFiles(repo, { 'd.txt': 'D of the agent\n', 'new.txt': 'new\n' })
    const report = await workspaces.collect(workspace, minor, success)
    if (success) expect(report.files.map(file => file.path)).toEqual(['d.txt', 'new.txt'])
    await workspaces.cleanup(workspace, minor, success)
    expect(users(repo)).toEqual(WERE)
    expect(flagsIn(repo)).toEqual(FLAGS)
    expect(git(repo, 'status', '--porcelain')).toBe('')
    expect(rescueRefs(repo).filter(ref => ref.endsWith('/start'))).toEqual([])
  })

  test.each([
    ['git reset --hard', [['reset', '-q', '--hard']]],
    [
      'git checkout',
      [
        ['update-index', '--no-assume-unchanged', 'a.txt'],
        ['update-index', '--no-skip-worktree', 'dir/b.txt'],
        ['checkout', '-q', '--', '.'],
      ],
    ],
    [
      'a new index',
      [
        ['rm', '-q', '-r', '--cached', '--sparse', '.'],
        ['reset', '-q', '--hard'],
      ],
    ],
  ])('are told and put back, with their flags, when the agent wipes them: %s', async (_, commands) => {
    const repo = hiding()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(minor)
    for (const command of commands) git(repo, ...command)
    expect(users(repo)).not.toEqual(WERE)
    const report = await workspaces.collect(workspace, minor, true)
    expect(report.remarks.join()).toMatch(/Uncommitted changes of yours were .*put back: a\.txt/)
    await workspaces.cleanup(workspace, minor, true)
    expect(users(repo)).toEqual(WERE)
    expect(flagsIn(repo)).toEqual(FLAGS)
    expect(git(repo, 'status', '--porcelain')).toBe('')
  })

  test('are kept as they were when the agent changes them', async () => {
    const repo = hiding()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(minor)
    writeFiles(repo, { 'a.txt': 'of the agent\n' })
    const report = await workspaces.collect(workspace, minor, true)
    expect(report.remarks.join()).toContain('The agent also changed a.txt')
    const { rescued } = await workspaces.cleanup(workspace, minor, true)
    expect(git(repo, 'show', `${rescued[0]}:a.txt`)).toBe('a\nof the user')
    expect(flagsIn(repo)).toEqual(FLAGS)
  })
})

test('core.ignoreStat of the repository hides nothing', async () => {
  const repo = gitRepo(FILES)
  git(repo, 'config', 'core.ignoreStat', 'true')
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  git(workspace.path, 'checkout', '-q', '-f', '--', '.')
  mkdirSync(join(workspace.path, 'more'))
  writeFiles(workspace.path, { 'a.txt': 'A of the agent\n', 'more/e.txt': 'e\n' })
  const report = await workspaces.collect(workspace, request(), true)
  expect(report.files.map(file => file.path)).toEqual(['a.txt', 'more/e.txt'])
})
