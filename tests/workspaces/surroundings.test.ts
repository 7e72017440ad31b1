import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { canMount, fill, mountTmpfs } from '../support/mounted.ts'
import { tempFolder } from '../support/temp.ts'
import { leftovers, request, withoutWorktrees, workspacesOf } from '../support/workspaces.ts'

/** Commits one file, and answers the commit. */
function commit(repo: string, file: string): string {
  writeFiles(repo, { [file]: `${file}\n` })
  git(repo, 'add', '-A')
  git(repo, 'commit', '-q', '-m', file)
  return git(repo, 'rev-parse', 'HEAD')
}

/** A clone under the name `remote` of a repository with one commit that the clone's own `main` lacks. */
function behind(remote: string): { repo: string; theirs: string; own: string } {
  const source = gitRepo({ 'a.txt': 'a\n' })
  const repo = join(tempFolder(), 'repo')
  git(source, 'clone', '-q', '-o', remote, source, repo)
  const own = git(repo, 'rev-parse', 'HEAD')
  const theirs = commit(source, 'theirs.txt')
  git(repo, 'fetch', '-q', remote)
  return { repo, theirs, own }
}

describe('remotes', () => {
  test.each(['origin', 'upstream', 'with/slash'])(
    '%s that is ahead of the base is said, and the work starts from the own branch',
    async remote => {
      const { repo, own } = behind(remote)
      const { workspaces } = workspacesOf(repo)
      const plan = await workspaces.plan(request())
      expect(plan).toMatchObject({ base: own })
      expect(plan.remark).toContain(`${remote}/main has a commit that main lacks`)
      expect(await workspaces.prepare(request())).toMatchObject({ base: own })
    },
  )

  test('of several the one that the branch follows counts', async () => {
    const { repo } = behind('mine')
    const other = gitRepo({ 'other.txt': 'other\n' })
    git(repo, 'remote', 'add', 'origin', other)
    git(repo, 'fetch', '-q', 'origin')
    const { remark } = await workspacesOf(repo).workspaces.plan(request())
    expect(remark).toContain('mine/main has a commit that main lacks')
  })

  test('of several without one that is followed origin counts', async () => {
    const { repo } = behind('origin')
    git(repo, 'branch', '-q', '--unset-upstream', 'main')
    git(repo, 'remote', 'add', 'a-remote', gitRepo({ 'other.txt': 'other\n' }))
    git(repo, 'fetch', '-q', 'a-remote')
    const { remark } = await workspacesOf(repo).workspaces.plan(request())
    expect(remark).toContain('origin/main has a commit that main lacks')
  })

  test('a base branch that only another remote has is found there', async () => {
    const { repo, theirs } = behind('upstream')
    git(repo, 'update-ref', 'refs/remotes/upstream/release', theirs)
    const workspace = await workspacesOf(repo, { baseBranch: 'release' }).workspaces.prepare(request())
    expect(workspace).toMatchObject({ base: theirs })
  })

  test('none at all is no trouble', async () => {
    const repo = gitRepo({ 'a.txt': 'a\n' })
    expect((await workspacesOf(repo).workspaces.plan(request())).remark).toBeNull()
  })
})

const IDS = [
  '.',
  '..',
  '../../etc',
  'x'.repeat(5_000),
  '🚀',
  '🚀🚀',
  'a b',
  ' ',
  '\t\n',
  'a/b',
  '/',
  '-D',
  '--help',
  'a..b',
  'x.lock',
  '@{-1}',
  'HEAD',
  'ä',
  '\u202e7',
  '',
]

describe.each(['worktree', 'clone'])('in a %s', kind => {
  test.for(IDS)('a task whose id is %j gets a place and a branch below ours, and its work is there', async id => {
    const repo = gitRepo({ 'a.txt': 'a\n' })
    const options = kind === 'clone' ? withoutWorktrees(repo) : {}
    const { workspaces } = workspacesOf(repo, options)
    const task = request({ id })
    const workspace = await workspaces.prepare(task)
    expect(workspace.kind).toBe(kind)
    expect(basename(workspace.path)).toMatch(/^task-[\w-]{1,80}$/)
    expect(workspace.branch).toMatch(/^feature\/task-[\w-]{1,80}$/)
    writeFiles(workspace.path, { 'b.txt': 'b\n' })
    expect((await workspaces.collect(workspace, task, true)).commits).toHaveLength(1)
    expect((await workspaces.cleanup(workspace, task, true)).kept).toBeNull()
    expect(git(repo, 'show', `${workspace.branch}:b.txt`)).toBe('b')
    expect(leftovers(repo)).toEqual([])
  })

  test('no two of the ids share a branch or a folder', async () => {
    const repo = gitRepo({ 'a.txt': 'a\n' })
    const { workspaces } = workspacesOf(repo, kind === 'clone' ? withoutWorktrees(repo) : {})
    const plans = await Promise.all(IDS.map(id => workspaces.plan(request({ id }))))
    expect(new Set(plans.map(({ path }) => path)).size).toBe(IDS.length)
    expect(new Set(plans.map(({ branch }) => branch)).size).toBe(IDS.length)
  })
})

test.runIf(canMount())('a worktree base on another disk that fills up leads to a clone, and nothing is left on that disk', async () => {
  const repo = gitRepo({ 'a.txt': 'x'.repeat(300_000) })
  const small = join(tempFolder(), 'small')
  mountTmpfs(small, 'size=512k')
  const release = fill(small)
  const { workspaces } = workspacesOf(repo, { worktreeBase: small, onWorktreeFailure: 'clone', stateFolder: tempFolder() })
  const workspace = await workspaces.prepare(request())
  expect(workspace.path.startsWith(small)).toBe(false)
  expect(workspace.fallback).toMatch(/disk is full/)
  release()
  writeFiles(workspace.path, { 'b.txt': 'b\n' })
  expect((await workspaces.collect(workspace, request(), true)).commits).toHaveLength(1)
  expect((await workspaces.cleanup(workspace, request(), true)).kept).toBeNull()
  expect(execFileSync('ls', ['-A', small], { encoding: 'utf8' })).toBe('')
})

/** Options, and whole commands, that came after git 2.20. */
const NEWER = [
  ...[
    '--path-format=*',
    '--fixed-value',
    '--pathspec-from-file=*',
    '--sparse',
    '--write-tree',
    '--batch-command*',
    '--trailer=*',
    '--orphan',
  ],
  ...['--initial-branch=*', '--no-write-fetch-head', '--porcelain=v3', '--show-object-format*', '--stdin-paths0', '--merge-base=*'],
  ...['restore', 'switch', 'maintenance', 'bugreport', 'for-each-repo', 'hook', 'replay'],
]

test.each(['major', 'minor'] as const)('an old git does a %s task all the same', async complexity => {
  const bin = tempFolder()
  writeFileSync(
    join(bin, 'git'),
    `#!/bin/sh
PATH="\${PATH#*:}"; export PATH
case "$1" in --version|version) echo 'git version 2.20.0'; exit 0 ;; esac
for word; do
  case "$word" in ${NEWER.join('|')}) echo "$word" >> '${bin}/refused'; echo "error: unknown option \\\`$word'" >&2; exit 129 ;; esac
  [ "$word" = -z ] && case " $* " in *' worktree list '*) echo 'worktree list -z' >> '${bin}/refused'; exit 129 ;; esac
done
exec git "$@"
`,
    { mode: 0o755 },
  )
  const path = process.env.PATH
  process.env.PATH = `${bin}:${path}`
  onTestFinished(() => {
    process.env.PATH = path
  })
  const repo = gitRepo({ 'a.txt': 'a\n' })
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request({ complexity }))
  expect(workspace.kind).toBe(complexity === 'major' ? 'worktree' : 'in-place')
  writeFiles(workspace.path, { 'b.txt': 'b\n' })
  const task = request({ complexity })
  expect((await workspaces.collect(workspace, task, true)).commits).toHaveLength(1)
  expect((await workspaces.cleanup(workspace, task, true)).kept).toBeNull()
  expect(git(repo, 'show', `${workspace.branch}:b.txt`)).toBe('b')
  expect(existsSync(join(bin, 'refused'))).toBe(false)
})
