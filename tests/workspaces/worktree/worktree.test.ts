import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { adminFolders, completeAdminFolders } from '../../../src/git/checkout/worktree-list.ts'
import { git, gitRepo, writeFiles } from '../../support/git-repo.ts'
import { gitStarts } from '../../support/git-starts.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'
import { isKept, leftovers, request, rescueRefs, workspacesOf } from '../../support/workspaces.ts'

const RUN = 'run_01jd2x8k3vfz7s9q4m5n6p7r8t'

describe('names', () => {
  test('a task gets .worktrees/task-{id} on feature/task-{id}, kept out of git by one line', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    expect(workspace).toMatchObject({ path: join(repo, '.worktrees', 'task-7'), branch: 'feature/task-7', continued: false })
    await workspaces.prepare(request({ id: '8' }, 'run_8'))
    expect(git(repo, 'status', '--porcelain', '-uall')).toBe('')
    const exclude = readFileSync(join(repo, '.git', 'info', 'exclude'), 'utf8')
    expect(exclude.split('\n').filter(line => line.includes('worktrees'))).toEqual(['/.worktrees/'])
  })

  test.each(['../../evil', 'a/b c', '-rf', 'täsk', '..', 'x.lock', `${'long'.repeat(60)}`])(
    'an id such as %s stays one safe name',
    async id => {
      const repo = gitRepo()
      const { workspaces } = workspacesOf(repo)
      const { path, branch } = await workspaces.prepare(request({ id }))
      expect(path).toMatch(/^.*\/\.worktrees\/task-[A-Za-z0-9_-]{1,70}$/)
      expect(path.startsWith(`${repo}/.worktrees/`)).toBe(true)
      expect(branch).toMatch(/^feature\/task-[A-Za-z0-9_-]+$/)
      expect(readdirSync(join(repo, '.worktrees'))).toHaveLength(1)
    },
  )

  test('two ids that look alike get two worktrees', async () => {
    const { workspaces } = workspacesOf(gitRepo())
    const one = await workspaces.prepare(request({ id: 'a/b' }))
    const two = await workspaces.prepare(request({ id: 'a b' }, 'run_2'))
    expect(one.path).not.toBe(two.path)
  })

  test('blanks and non-ASCII letters in paths work', async () => {
    const repo = gitRepo({ 'süß/ä ö.txt': 'x\n' }, join(tempFolder(), 'mein Projekt ü [1]'))
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    writeFiles(workspace.path, { 'süß/ä ö.txt': 'y\n', 'neu "x".txt': 'z\n' })
    const report = await workspaces.collect(workspace, request(), true)
    expect(report.files.map(file => file.path)).toEqual(['neu "x".txt', 'süß/ä ö.txt'])
    expect((await workspaces.cleanup(workspace, request(), true)).kept).toBeNull()
    expect(existsSync(workspace.path)).toBe(false)
    expect(git(repo, 'status', '--porcelain')).toBe('')
  })

  test('a base folder outside the repository works, also from a folder below the top and from another worktree', async () => {
    const repo = gitRepo({ 'sub/a.txt': 'a\n' })
    const other = join(tempFolder(), 'other')
    git(repo, 'worktree', 'add', '-q', '-b', 'other', other)
    const base = tempFolder()
    const { workspaces } = workspacesOf(join(other, 'sub'), { worktreeBase: base })
    const workspace = await workspaces.prepare(request())
    expect(workspace).toMatchObject({ repo: other, path: join(base, 'task-7') })
    const inside = workspacesOf(join(other, 'sub')).workspaces
    await inside.prepare(request({ id: '8' }, 'run_8'))
    expect(git(other, 'status', '--porcelain', '-uall')).toBe('')
  })
})

describe('branches', () => {
  test('the branch that a task names is continued, from here or from origin', async () => {
    const upstream = gitRepo()
    git(upstream, 'branch', 'topic/remote')
    const repo = join(tempFolder(), 'clone')
    git(upstream, 'clone', '-q', upstream, repo)
    git(repo, 'branch', 'topic/local')
    const { workspaces } = workspacesOf(repo)
    for (const branch of ['topic/local', 'topic/remote']) {
      const workspace = await workspaces.prepare(request({ id: branch, branch }, `run_${branch}`))
      expect(workspace).toMatchObject({ branch, continued: true, fallback: null })
      expect(git(workspace.path, 'symbolic-ref', '--short', 'HEAD')).toBe(branch)
    }
  })

  const BAD = [
    '-f',
    '--help',
    '-D',
    '--detach',
    'a..b',
    '@',
    '@{-1}',
    '@{u}',
    'HEAD',
    'FETCH_HEAD',
    'a b',
    'x\ny',
    'x\0y',
    '\u001b[2J',
    'a\u00a0b',
  ]
  const WORSE = [
    'refs/heads/x',
    'refs/heads/../x',
    ' ',
    '.lock',
    'x.lock',
    'a~1',
    'a//b',
    '/a',
    'a/',
    'a\\b',
    'a?',
    '\u202eab',
    '\ud800',
    'a\ufffdb',
  ]
  const WORST = ['x'.repeat(5_000), `${'ä'.repeat(120)}/x`, `a/${'b'.repeat(230)}`, '0'.repeat(40), 'main/x', 'main']
  test.each([...BAD, ...WORSE, ...WORST])(
    'a name such as %j never lowers isolation: the work goes on the branch of the task',
    async branch => {
      const repo = gitRepo()
      const before = git(repo, 'for-each-ref', 'refs/heads/main')
      for (const onWorktreeFailure of ['clone', 'in-place', 'fail'] as const) {
        const { workspaces } = workspacesOf(repo, { onWorktreeFailure })
        const workspace = await workspaces.prepare(request({ branch }))
        expect(workspace).toMatchObject({ kind: 'worktree', branch: 'feature/task-7', base: git(repo, 'rev-parse', 'main') })
        expect(workspace.fallback).toContain('feature/task-7')
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the promise
        expect(workspace.fallback).not.toMatch(/[\x00-\x1f\x7f\u202e]|x{100}/)
        writeFiles(workspace.path, { 'a.txt': `${onWorktreeFailure}\n` })
        await workspaces.collect(workspace, request({ branch }), true)
        await workspaces.cleanup(workspace, request({ branch }), true)
        git(repo, 'update-ref', '-d', 'refs/heads/feature/task-7')
      }
      expect(git(repo, 'for-each-ref', 'refs/heads/')).toBe(before)
      expect(git(repo, 'status', '--porcelain')).toBe('')
    },
  )

  test('the base branch is no branch for a task, also where nobody has it checked out', async () => {
    const repo = gitRepo()
    git(repo, 'checkout', '-q', '-b', 'mine')
    const { workspaces } = workspacesOf(repo, { baseBranch: 'main' })
    expect(await workspaces.prepare(request({ branch: 'main' }))).toMatchObject({
      branch: 'feature/task-7',
      fallback: expect.stringContaining('all work starts from'),
    })
    const bare = join(tempFolder(), 'bare.git')
    git(repo, 'clone', '-q', '--bare', '.', bare)
    expect(await workspacesOf(bare).workspaces.prepare(request({ branch: 'mine' }))).toMatchObject({ branch: 'feature/task-7' })
  })

  test('a branch that is checked out elsewhere is left alone and continued under a name of ours', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request({ branch: 'main' }))
    expect(workspace).toMatchObject({ branch: 'feature/task-7', base: git(repo, 'rev-parse', 'main') })
    expect(workspace.fallback).toContain(`main is checked out in ${repo}`)
    expect(git(repo, 'symbolic-ref', '--short', 'HEAD')).toBe('main')
    expect(await workspaces.prepare(request({ branch: 'main' }))).toEqual(workspace)
  })

  test('a branch in the way of the name leads to another name', async () => {
    const repo = gitRepo()
    git(repo, 'branch', 'feature')
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    expect(workspace.branch).toBe('task-7-6p7r8t')
    expect(workspace.fallback).toContain('the branch feature stands in the way of feature/task-7')
    expect(await workspaces.prepare(request())).toEqual(workspace)
  })

  test('work starts from the configured branch, else from where origin/HEAD points, else from HEAD', async () => {
    const repo = gitRepo()
    const first = git(repo, 'rev-parse', 'HEAD')
    git(repo, 'branch', 'trunk')
    git(repo, 'commit', '-q', '--allow-empty', '-m', 'second')
    const second = git(repo, 'rev-parse', 'HEAD')
    expect((await workspacesOf(repo).workspaces.plan(request())).base).toBe(second)
    expect((await workspacesOf(repo, { baseBranch: 'trunk' }).workspaces.plan(request())).base).toBe(first)
    git(repo, 'update-ref', 'refs/remotes/origin/trunk', first)
    git(repo, 'symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/trunk')
    expect((await workspacesOf(repo).workspaces.plan(request())).base).toBe(first)
    git(repo, 'branch', '-D', 'trunk')
    expect((await workspacesOf(repo).workspaces.plan(request())).base).toBe(first)
    for (const baseBranch of ['gone', '--all'])
      await expect(workspacesOf(repo, { baseBranch }).workspaces.prepare(request())).rejects.toThrow(
        `the base branch "${baseBranch}" does not exist`,
      )
  })

  describe('with leave to vanish', () => {
    const vanish = async (act: (path: string) => void, more: Parameters<typeof request>[0] = {}) => {
      const repo = gitRepo()
      if (more.branch) git(repo, 'branch', more.branch)
      const { workspaces } = workspacesOf(repo)
      const workspace = await workspaces.prepare(request(more))
      act(workspace.path)
      await workspaces.collect(workspace, request(more), false)
      const { kept } = await workspaces.cleanup(workspace, request(more), false, true)
      expect(await workspaces.cleanup(workspace, request(more), false, true)).toMatchObject({ kept })
      return { kept: kept !== null, there: existsSync(workspace.path), branch: git(repo, 'branch', '--list', workspace.branch!) !== '' }
    }
    const ALL = { kept: true, there: true, branch: true }

    test('a worktree in which nothing was done goes, with the branch that was made for it', async () => {
      expect(await vanish(() => {})).toEqual({ kept: false, there: false, branch: false })
    })

    test('a branch that was there before stays', async () => {
      expect(await vanish(() => {}, { branch: 'topic' })).toEqual({ kept: false, there: false, branch: true })
    })

    test('a removal that was killed half way is ended, also when only the branch is left', async () => {
      const half = (path: string) => {
        writeFileSync(join(path, '../../.git/worktrees/task-7/agent-runner-removing'), '')
        rmSync(join(path, 'README.md'))
      }
      const GONE = { kept: false, there: false, branch: false }
      expect(await vanish(half)).toEqual(GONE)
      expect(await vanish(path => void git(join(path, '../..'), 'worktree', 'remove', path))).toEqual(GONE)
    })

    test.for([
      { what: 'a file', act: (path: string) => writeFiles(path, { 'half.txt': 'half\n' }) },
      { what: 'a deleted file', act: (path: string) => rmSync(join(path, 'README.md')) },
      { what: 'a commit', act: (path: string) => void git(path, 'commit', '-q', '--allow-empty', '-m', 'half') },
      {
        what: 'a commit that was taken back',
        act: (path: string) => {
          git(path, 'commit', '-q', '--allow-empty', '-m', 'half')
          git(path, 'reset', '-q', '--hard', 'HEAD~1')
        },
      },
      { what: 'another branch', act: (path: string) => void git(path, 'checkout', '-q', '-b', 'mine') },
    ])('one with $what stays', async ({ act }) => {
      expect(await vanish(act)).toEqual(ALL)
    })
  })

  test('the task of an earlier, failed run is continued in its worktree with all that lies there', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const first = await workspaces.prepare(request())
    writeFiles(first.path, { 'half.txt': 'half done\n' })
    await workspaces.collect(first, request(), false)
    expect((await workspaces.cleanup(first, request(), false)).kept).toBe(first.path)
    const second = await workspaces.prepare(request({}, 'run_second'))
    expect(second).toMatchObject({ path: first.path, branch: first.branch, continued: true })
    expect(readFileSync(join(second.path, 'half.txt'), 'utf8')).toBe('half done\n')
  })

  test('the worktree of an older runner is continued where it is, and its commits count', async () => {
    const repo = gitRepo()
    const path = join(tempFolder(), 'old place')
    git(repo, 'worktree', 'add', '-q', '-b', 'old-name', path)
    writeFiles(path, { 'a.txt': 'a\n' })
    git(path, 'add', '-A')
    git(path, 'commit', '-q', '-m', 'before the crash')
    const { workspaces } = workspacesOf(repo)
    for (const complexity of ['major', 'minor'] as const) {
      const old = { ...request({ complexity }), inherited: { path, branch: 'old-name' } }
      const workspace = await workspaces.prepare(old)
      expect(workspace).toMatchObject({ kind: 'worktree', path, branch: 'old-name', base: git(repo, 'rev-parse', 'main') })
      expect((await workspaces.collect(workspace, old, true)).commits.map(commit => commit.subject)).toEqual(['before the crash'])
    }
    const foreign = { ...request(), inherited: { path: tempFolder(), branch: null } }
    expect((await workspaces.prepare(foreign)).path).toBe(join(repo, '.worktrees', 'task-7'))
  })
})

describe('paths in use', () => {
  test('a folder with files of somebody is left alone', async () => {
    const repo = gitRepo()
    writeFiles(repo, { '.worktrees/task-7/notes.txt': 'mine\n' })
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    expect(workspace.path).toBe(join(repo, '.worktrees', 'task-7-6p7r8t'))
    expect(workspace.fallback).toContain('task-7 is in use by something else')
    expect(readFileSync(join(repo, '.worktrees', 'task-7', 'notes.txt'), 'utf8')).toBe('mine\n')
    expect(await workspaces.prepare(request())).toEqual(workspace)
  })

  test('a repository of its own in the place of the worktree is left alone', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    rmSync(join(workspace.path, '.git'))
    git(workspace.path, 'init', '-q')
    const next = await workspaces.prepare(request())
    expect(next.path).not.toBe(workspace.path)
    expect(existsSync(join(workspace.path, '.git', 'HEAD'))).toBe(true)
    const { kept } = await workspaces.cleanup(workspace, request(), true)
    expect(kept).toBe(workspace.path)
    expect(existsSync(join(workspace.path, '.git.replaced', 'HEAD'))).toBe(true)
  })

  test('a worktree whose folder was removed by hand is made again', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    rmSync(workspace.path, { recursive: true })
    const { seal: _, ...same } = workspace
    expect(await workspaces.prepare(request())).toMatchObject(same)
    expect(existsSync(join(workspace.path, 'README.md'))).toBe(true)
    rmSync(workspace.path, { recursive: true })
    expect((await workspaces.collect(workspace, request(), true)).remarks.join()).toContain('no worktree')
    expect((await workspaces.cleanup(workspace, request(), true)).kept).toBeNull()
    expect(git(repo, 'worktree', 'list').split('\n')).toHaveLength(1)
  })

  test("a worktree that lost its .git is not taken for the user's own checkout", async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    writeFiles(workspace.path, { 'a.txt': 'agent\n' })
    writeFiles(repo, { 'users.txt': 'user\n' })
    rmSync(join(workspace.path, '.git'))
    const head = git(repo, 'rev-parse', 'HEAD')
    const report = await workspaces.collect(workspace, request(), true)
    expect(report.files.map(file => file.path)).toEqual(['a.txt'])
    expect(git(repo, 'rev-parse', 'HEAD')).toBe(head)
    expect(git(repo, 'status', '--porcelain')).toBe('?? users.txt')
    expect((await workspaces.cleanup(workspace, request(), true)).kept).toBeNull()
  })

  test('while another agent works in place a minor task gets a worktree', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo, { inPlaceHeldBy: () => 'dev_002' })
    const minor = request({ complexity: 'minor' })
    expect(await workspaces.prepare(minor)).toMatchObject({ kind: 'worktree', fallback: expect.stringContaining('dev_002 works in place') })
    const strict = workspacesOf(repo, { inPlaceHeldBy: () => 'dev_002', baseBranch: 'gone', onWorktreeFailure: 'in-place' })
    await expect(strict.workspaces.prepare(request({ id: '9' }, 'run_9'))).rejects.toMatchObject({ code: 'GIT_FAILED' })
  })

  test('a bare repository gives worktrees and no checkout in place', async () => {
    const bare = join(tempFolder(), 'bare.git')
    git(gitRepo(), 'clone', '-q', '--bare', '.', bare)
    const { workspaces } = workspacesOf(bare)
    const minor = request({ complexity: 'minor' })
    const workspace = await workspaces.prepare(minor)
    expect(workspace).toMatchObject({ kind: 'worktree', fallback: expect.stringContaining('bare') })
    writeFiles(workspace.path, { 'a.txt': 'a\n' })
    expect((await workspaces.collect(workspace, minor, true)).commits).toHaveLength(1)
    expect((await workspaces.cleanup(workspace, minor, true)).kept).toBeNull()
  })
})

describe('removal', () => {
  test('what is uncommitted at the end is rescued, then the worktree goes', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    await workspaces.collect(workspace, request(), true)
    writeFiles(workspace.path, { 'late.txt': 'written by a process that was still there\n' })
    const { kept, rescued } = await workspaces.cleanup(workspace, request(), true)
    expect(kept).toBeNull()
    expect(existsSync(workspace.path)).toBe(false)
    expect(rescued).toEqual([`refs/agent-runner/${RUN}/1`])
    expect(isKept(repo, 'written by a process that was still there\n', [])).toBe(true)
    expect(leftovers(repo)).toEqual([])
  })

  test('an interrupted removal is ended without a rescue', async () => {
    const repo = gitRepo({ 'a.txt': 'a\n', 'b.txt': 'b\n' })
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    rmSync(join(workspace.path, '.git'))
    rmSync(join(workspace.path, 'a.txt'))
    expect(await workspaces.cleanup(workspace, request(), true)).toEqual({ kept: null, rescued: [] })
    expect(existsSync(workspace.path)).toBe(false)
    expect(git(repo, 'worktree', 'list').split('\n')).toHaveLength(1)
  })

  test.each([
    ['of a process that is dead', 'claude agent x (pid 4194305 start 12)', false],
    ['of a pid that another process has now', `claude agent x (pid ${process.pid} start 12)`, false],
    ['of a live process', `claude agent x (pid ${process.pid})`, true],
    ['of a person', 'do not touch', true],
  ])('a lock %s', async (_, reason, stays) => {
    const repo = gitRepo()
    const { workspaces, warnings } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    git(repo, 'worktree', 'lock', '--reason', reason, workspace.path)
    const { kept } = await workspaces.cleanup(workspace, request(), true)
    expect(kept).toBe(stays ? workspace.path : null)
    expect(existsSync(workspace.path)).toBe(stays)
    if (stays) expect(warnings.join()).toContain(reason)
  })

  test('a repository of its own with commits or changes keeps the worktree', async () => {
    const repo = gitRepo()
    const { workspaces, warnings } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    gitRepo({ 'x.txt': 'x\n' }, join(workspace.path, 'inner'))
    await workspaces.collect(workspace, request(), true)
    expect((await workspaces.cleanup(workspace, request(), true)).kept).toBe(workspace.path)
    expect(existsSync(join(workspace.path, 'inner', 'x.txt'))).toBe(true)
    expect(warnings.join()).toContain('inner')
  })

  test('an empty repository inside does not stop the rest from being committed, and keeps the worktree', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    writeFiles(workspace.path, { 'a.txt': 'a\n', 'inner/b.txt': 'b\n' })
    git(join(workspace.path, 'inner'), 'init', '-q')
    const report = await workspaces.collect(workspace, request(), true)
    expect(report.files.map(file => file.path)).toEqual(['a.txt'])
    expect(report.remarks.join()).toContain('inner is a repository of its own')
    expect((await workspaces.cleanup(workspace, request(), true)).kept).toBe(workspace.path)
    expect(existsSync(join(workspace.path, 'inner', 'b.txt'))).toBe(true)
  })
})

describe('submodules', () => {
  async function withConfig<T>(text: string, work: () => Promise<T>): Promise<T> {
    const saved = process.env.GIT_CONFIG_GLOBAL
    const file = join(tempFolder(), 'gitconfig')
    writeFiles(join(file, '..'), { gitconfig: text })
    process.env.GIT_CONFIG_GLOBAL = file
    try {
      return await work()
    } finally {
      process.env.GIT_CONFIG_GLOBAL = saved
    }
  }
  function repoWithSubmodule() {
    const repo = gitRepo()
    git(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', gitRepo({ 'lib.txt': 'lib\n' }), 'lib')
    git(repo, 'commit', '-q', '-m', 'submodule')
    return repo
  }

  test('are initialised, and untouched ones go with the worktree', async () => {
    await withConfig('[protocol "file"]\n\tallow = always\n', async () => {
      const repo = repoWithSubmodule()
      const { workspaces, warnings } = workspacesOf(repo)
      const workspace = await workspaces.prepare(request())
      expect(readFileSync(join(workspace.path, 'lib', 'lib.txt'), 'utf8')).toBe('lib\n')
      expect(warnings).toEqual([])
      expect((await workspaces.cleanup(workspace, request(), true)).kept).toBeNull()
      expect(existsSync(workspace.path)).toBe(false)
    })
  })

  test('that cannot be fetched are a warning', async () => {
    const { workspaces, warnings } = workspacesOf(repoWithSubmodule())
    await workspaces.prepare(request())
    expect(warnings.join()).toMatch(/submodules could not be initialised.*'file' not allowed/)
  })

  test('with work in them keep the worktree', async () => {
    await withConfig('[protocol "file"]\n\tallow = always\n', async () => {
      const repo = repoWithSubmodule()
      const { workspaces } = workspacesOf(repo)
      const workspace = await workspaces.prepare(request())
      writeFiles(workspace.path, { 'lib/lib.txt': 'changed\n' })
      await workspaces.collect(workspace, request(), true)
      expect((await workspaces.cleanup(workspace, request(), true)).kept).toBe(workspace.path)
      expect(await workspaces.prepare(request({}, 'run_2'))).toMatchObject({ path: workspace.path })
      expect(readFileSync(join(workspace.path, 'lib', 'lib.txt'), 'utf8')).toBe('changed\n')
    })
  })
})

test('a post-checkout hook that fails or hangs leaves a usable worktree and a warning', async () => {
  for (const body of ['exit 1', 'exec sleep 30']) {
    const repo = gitRepo()
    writeFiles(repo, { '.git/hooks/post-checkout': `#!/bin/sh\necho $$ >> "$(git rev-parse --git-common-dir)/hook-pids"\n${body}\n` })
    chmodSync(join(repo, '.git', 'hooks', 'post-checkout'), 0o755)
    const { workspaces, warnings } = workspacesOf(repo, { gitTimeoutMs: 1_500 })
    const workspace = await workspaces.prepare(request())
    expect(git(workspace.path, 'status', '--porcelain')).toBe('')
    expect(git(repo, 'worktree', 'list', '--porcelain')).not.toContain('locked')
    expect(warnings.join()).toContain('not all went well')
    expect((await workspaces.cleanup(workspace, request(), true)).kept).toBeNull()
    const pids = readFileSync(join(repo, '.git', 'hook-pids'), 'utf8')
      .trim()
      .split('\n')
    await waitFor('the hooks to be gone', () => pids.every(pid => !existsSync(`/proc/${pid}`)))
  }
})

test('a worktree in a folder that cannot be made falls back in place, or fails, as configured', async () => {
  const repo = gitRepo()
  const base = join(tempFolder(), 'file')
  writeFiles(join(base, '..'), { file: 'not a folder' })
  const strict = workspacesOf(repo, { worktreeBase: base })
  await expect(strict.workspaces.prepare(request())).rejects.toMatchObject({ code: 'GIT_FAILED' })
  const { workspaces, warnings } = workspacesOf(repo, { worktreeBase: base, onWorktreeFailure: 'in-place' })
  expect(await workspaces.prepare(request())).toMatchObject({ kind: 'in-place', path: repo })
  expect(warnings).toHaveLength(1)
  mkdirSync(join(repo, 'x'))
  writeFiles(repo, { 'x/dirty.txt': 'dirty\n' })
  await expect(workspaces.prepare(request())).rejects.toThrow(/; and .* has uncommitted changes/)
  expect(rescueRefs(repo)).toEqual([])
  expect(leftovers(repo)).toEqual([])
})

test('a worktree of another agent that goes away while worktrees are looked at is no trouble', () => {
  const repo = gitRepo({ 'a.txt': 'a\n' })
  const commonDir = join(repo, '.git')
  const admin = join(commonDir, 'worktrees', 'task-8')
  mkdirSync(admin, { recursive: true })
  writeFileSync(join(admin, 'gitdir'), `${join(repo, '.worktrees', 'task-8', '.git')}\n`)
  // Just when it is looked at whether a git is at work there, its owner has removed it.
  completeAdminFolders(commonDir, () => {
    rmSync(join(commonDir, 'worktrees'), { recursive: true })
    return false
  })
  expect(existsSync(admin)).toBe(false)
  expect(adminFolders(commonDir, join(repo, '.worktrees', 'task-8'))).toEqual([])
})

test.each([
  ['changes nothing', () => {}, 12],
  ['writes a file', (path: string) => writeFiles(path, { 'made.txt': 'made\n' }), 15],
] as const)('a task that %s has git started a bounded number of times', async (_, change, most) => {
  const repo = gitRepo()
  // An index that was written within this moment is not taken for settled.
  await delay(50)
  const { workspaces } = workspacesOf(repo)
  const starts = await gitStarts(async () => {
    const workspace = await workspaces.prepare(request())
    await delay(50)
    change(workspace.path)
    await workspaces.collect(workspace, request(), true)
    await workspaces.cleanup(workspace, request(), true)
  })
  expect(starts.length, starts.join(' ')).toBeLessThanOrEqual(most)
})
