import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openKeptWork } from '../../src/workspaces/kept/kept-work.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { isKept, leftovers, request, rescueRefs, workspacesOf } from '../support/workspaces.ts'

const OUTPUT = 'what the task was for\n'

/** A worktree in which an agent has worked: `work` writes into it; then its success is collected and cleaned up. */
async function success(repo: string, work: (path: string) => void) {
  const { workspaces, warnings } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  work(workspace.path)
  const report = await workspaces.collect(workspace, request(), true)
  const end = await workspaces.cleanup(workspace, request(), true)
  return { workspace, report, end, warnings }
}

describe('ignored files that the run made are kept before the worktree goes', () => {
  test.each<[string, Record<string, string>, (repo: string, path: string) => void, global?: string]>([
    ['by the .gitignore of the repository', { '.gitignore': 'out/\n' }, () => {}],
    ['by a pattern of files', { '.gitignore': '*.md\n' }, () => {}],
    ['by a nested .gitignore', { 'out/.gitignore': '*\n!.gitignore\n' }, () => {}],
    ['by info/exclude', {}, repo => writeFileSync(join(repo, '.git', 'info', 'exclude'), 'out\n')],
    ['by the global excludes', {}, () => {}, 'out/\n'],
    ['by a .gitignore that the agent wrote', {}, (_, path) => writeFiles(path, { '.gitignore': 'out/\n' })],
    ['by a .gitignore that ignores itself', {}, (_, path) => writeFiles(path, { '.gitignore': '*\n' })],
  ])('%s', async (_, files, ignore, global = '') => {
    const repo = gitRepo({ 'README.md': '# demo\n', ...files })
    writeFileSync(join(repo, '.git', 'global'), global)
    git(repo, 'config', 'core.excludesFile', join(repo, '.git', 'global'))
    const { report, end, workspace } = await success(repo, path => {
      ignore(repo, path)
      writeFiles(path, { 'out/report.md': OUTPUT })
    })
    expect(existsSync(workspace.path)).toBe(false)
    expect(end).toEqual({ kept: null, rescued: report.rescued })
    expect(git(repo, 'show', `${report.rescued[0]}:out/report.md`)).toBe(OUTPUT.trim())
    expect(report.remarks.join()).toMatch(/Ignored files of the run are kept in refs\/agent-runner\/.*out\/report\.md/)
    expect(leftovers(repo)).toEqual([])
  })

  test('names that are no UTF-8, links that lead out, and files of a kind that holds nothing', async () => {
    const repo = gitRepo({ '.gitignore': 'out/\n' })
    const outside = tempFolder()
    writeFiles(outside, { 'precious.txt': 'stays\n' })
    const socket = createServer()
    const { report, workspace } = await success(repo, path => {
      mkdirSync(join(path, 'out', 'empty'), { recursive: true })
      writeFileSync(Buffer.concat([Buffer.from(`${path}/out/`), Buffer.from([0x72, 0xe9, 0x2e])]), OUTPUT)
      symlinkSync(outside, join(path, 'out', 'link'))
      execFileSync('mkfifo', [join(path, 'out', 'pipe')])
      socket.listen(join(path, 'out', 'socket'))
    })
    await new Promise(done => socket.close(done))
    expect(existsSync(workspace.path)).toBe(false)
    expect(readFileSync(join(outside, 'precious.txt'), 'utf8')).toBe('stays\n')
    const names = execFileSync('git', ['ls-tree', '-r', '--name-only', '-z', report.rescued[0]!], { cwd: repo }).toString('latin1')
    expect(names.split('\0').filter(Boolean).sort()).toEqual(['.gitignore', 'out/link', 'out/r\xe9.'])
  })

  test('build caches go with the worktree, by their name or their CACHEDIR.TAG, and are no reason for a ref', async () => {
    const repo = gitRepo({ '.gitignore': 'node_modules\n__pycache__/\ntarget\nmade/\n*.pyc\n' })
    const { report, end, workspace } = await success(repo, path =>
      writeFiles(path, {
        'node_modules/a/index.js': 'a\n',
        'src/__pycache__/a.cpython.pyc': 'b\n',
        'a.pyc': 'c\n',
        'target/debug/app': 'd\n',
        'made/CACHEDIR.TAG': 'Signature: 8a477f597d28d172789f06886806bc55\n',
        'made/big': 'e\n',
      }),
    )
    expect(existsSync(workspace.path)).toBe(false)
    expect([report.rescued, end.rescued, rescueRefs(repo)]).toEqual([[], [], []])
  })

  test('what was ignored in the new worktree before the agent began is not taken for its work, unless it changed it', async () => {
    const repo = gitRepo({ '.gitignore': 'env/\n' })
    writeFileSync(join(repo, '.git', 'hooks', 'post-checkout'), '#!/bin/sh\nmkdir -p env && echo one >env/one && echo two >env/two\n')
    chmodSync(join(repo, '.git', 'hooks', 'post-checkout'), 0o755)
    expect((await success(repo, () => {})).report.rescued).toEqual([])
    const { report } = await success(repo, path => writeFiles(path, { 'env/two': 'by the agent\n' }))
    expect(git(repo, 'ls-tree', '-r', '--name-only', report.rescued[0]!).split('\n')).toEqual(['.gitignore', 'env/two'])
  })

  test('what an earlier run left ignored in its worktree is kept when a later one goes on there and succeeds', async () => {
    const repo = gitRepo({ '.gitignore': 'out/\n' })
    const { workspaces } = workspacesOf(repo)
    const first = await workspaces.prepare(request())
    writeFiles(first.path, { 'out/report.md': OUTPUT })
    await workspaces.collect(first, request(), false)
    expect((await workspaces.cleanup(first, request(), false)).kept).toBe(first.path)
    const later = request({}, 'run_2')
    const second = await workspaces.prepare(later)
    expect(second.path).toBe(first.path)
    await workspaces.collect(second, later, true)
    expect((await workspaces.cleanup(second, later, true)).kept).toBeNull()
    expect(isKept(repo, OUTPUT, [])).toBe(true)
  })

  test('what is too large for the repository keeps the worktree, and is named', async () => {
    const repo = gitRepo({ '.gitignore': 'out/\n' })
    const { report, end, workspace } = await success(repo, path => {
      writeFiles(path, { 'out/huge.bin': '' })
      truncateSync(join(path, 'out', 'huge.bin'), 300 * 1024 ** 2)
    })
    expect(end.kept).toBe(workspace.path)
    expect(report.remarks.join()).toMatch(/stays: not all ignored files could be kept: .*larger than 256 MB \(out\/huge\.bin/)
  })

  test.skipIf(process.getuid?.() === 0).each([
    ['an ignored file', 'out/closed.txt', 'out/closed.txt cannot be read (EACCES)'],
    ['an ignored folder', 'out/closed', 'out/closed/ cannot be read (EACCES)'],
    ['a folder', 'new/closed', 'git cannot look into new/closed/'],
    ['a file', 'new/closed.txt', 'Permission denied'],
  ])('%s that cannot be read keeps the worktree whole, and is named', async (_, closed, said) => {
    const repo = gitRepo({ '.gitignore': 'out/\n' })
    const { report, end, workspace } = await success(repo, path => {
      writeFiles(path, closed.endsWith('.txt') ? { [closed]: 'x\n' } : { [`${closed}/x.txt`]: 'x\n' })
      chmodSync(join(path, closed), 0)
    })
    chmodSync(join(workspace.path, closed), 0o755)
    expect(end.kept).toBe(workspace.path)
    expect(git(workspace.path, 'rev-parse', '--abbrev-ref', 'HEAD')).toBe(workspace.branch)
    expect(report.remarks.join()).toContain(said)
  })

  test('a worktree that is to vanish since nothing was done in it stays when there are ignored files of the run', async () => {
    const repo = gitRepo({ '.gitignore': 'out/\n' })
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    writeFiles(workspace.path, { 'out/report.md': OUTPUT })
    await workspaces.collect(workspace, request(), false)
    expect((await workspaces.cleanup(workspace, request(), false, true)).kept).toBe(workspace.path)
  })

  test('a cleanup after a kill between collecting and removing keeps them once', async () => {
    const repo = gitRepo({ '.gitignore': 'out/\n' })
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    writeFiles(workspace.path, { 'out/report.md': OUTPUT, 'a.txt': 'a\n' })
    const report = await workspaces.collect(workspace, request(), true)
    expect(await workspaces.collect(workspace, request(), true)).toEqual(report)
    const again = workspacesOf(repo).workspaces
    expect(await again.cleanup(workspace, request(), true)).toEqual({ kept: null, rescued: report.rescued })
    expect(rescueRefs(repo)).toHaveLength(1)
  })
})

describe('a repository that the agent made inside', () => {
  const inner = (path: string) => gitRepo({ 'x.txt': 'in the inner repository\n' }, join(path, 'inner'))
  const made: [string, (path: string) => void][] = [
    ['by git init, with commits', path => void inner(path)],
    [
      'by git init, without commits',
      path => {
        writeFiles(path, { 'inner/x.txt': 'in the inner repository\n' })
        git(join(path, 'inner'), 'init', '-q')
      },
    ],
    [
      'and committed as a bare link',
      path => {
        inner(path)
        git(path, 'add', '-A')
        git(path, 'commit', '-q', '-m', 'a link')
      },
    ],
    [
      'and staged as a bare link',
      path => {
        inner(path)
        git(path, 'add', '-A')
      },
    ],
    [
      'in an ignored folder',
      path => {
        writeFiles(path, { '.gitignore': 'inner/\n' })
        inner(path)
      },
    ],
  ]

  test.each(made)('%s, is kept with its content, and the worktree stays and says so', async (_, make) => {
    const repo = gitRepo()
    const { report, end, workspace } = await success(repo, path => {
      make(path)
      writeFiles(path, { 'a.txt': 'a\n' })
    })
    expect(end.kept).toBe(workspace.path)
    expect(report.remarks.join()).toMatch(/stays: there are repositories with work of their own in it: inner/)
    expect(report.files.map(file => file.path)).toContain('a.txt')
    expect(isKept(repo, 'in the inner repository\n', [])).toBe(true)
  })

  test.each(made)('%s, comes back whole from the worktree of a failed task by rescue restore', async (_, make) => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    make(workspace.path)
    await workspaces.collect(workspace, request(), false)
    await workspaces.cleanup(workspace, request(), false)
    const work = await openKeptWork({ repo, worktreeBase: null, author: null, stateFolder: tempFolder(), places: [], busy: [] })
    const piece = (await work.list()).find(one => one.kind === 'worktree')!
    const restored = await work.restore(piece, 'restored')
    const names = git(repo, 'ls-tree', '-r', '--name-only', 'restored').split('\n')
    // What is ignored stays where it is, in the worktree.
    if (names.includes('.gitignore')) expect(existsSync(join(workspace.path, 'inner', 'x.txt'))).toBe(true)
    else expect(git(repo, 'show', 'restored:inner/x.txt')).toBe('in the inner repository')
    expect(git(repo, 'ls-tree', '-r', 'restored')).not.toContain('160000')
    expect(restored.remarks).toEqual([])
  })

  test('a clone without anything of its own goes with the worktree', async () => {
    const repo = gitRepo()
    const library = gitRepo({ 'lib.txt': 'lib\n' })
    const { end, report } = await success(repo, path => {
      git(path, 'clone', '-q', library, 'lib')
      git(join(path, 'lib'), 'remote', 'set-url', 'origin', `https://me:secret@example.com/lib`)
    })
    expect(end).toEqual({ kept: null, rescued: [] })
    expect(report.commits).toEqual([])
    expect(report.remarks).toContain(
      'Repositories inside without work of their own go with the worktree and can be cloned again: lib (from https://[redacted]@example.com/lib).',
    )
  })

  test.each<[string, (path: string) => void]>([
    ['is ignored', path => writeFiles(path, { '.gitignore': 'lib/\n' })],
    ['is committed as a link', path => void git(path, 'add', 'lib')],
  ])('nor is it silent when it %s', async (_, then) => {
    const library = gitRepo({ 'lib.txt': 'lib\n' })
    const { end, report } = await success(gitRepo(), path => {
      git(path, 'clone', '-q', library, 'lib')
      then(path)
    })
    expect(end.kept).toBeNull()
    expect(report.remarks.join()).toContain(`go with the worktree and can be cloned again: lib (from ${library}).`)
  })

  test('it is said to stay where something else keeps the worktree', async () => {
    const library = gitRepo({ 'lib.txt': 'lib\n' })
    const { end, report, workspace } = await success(gitRepo(), path => {
      git(path, 'clone', '-q', library, 'lib')
      inner(path)
    })
    expect(end.kept).toBe(workspace.path)
    expect(report.remarks.join()).toContain(`stay in the worktree: lib (from ${library}).`)
  })

  test.each<[string, (lib: string) => void]>([
    [
      'in its stash',
      lib => {
        writeFiles(lib, { 'lib.txt': OUTPUT })
        git(lib, 'stash', '-q')
      },
    ],
    [
      'behind a tag',
      lib => {
        git(lib, 'commit', '-q', '--allow-empty', '-m', 'tagged')
        git(lib, 'tag', 'v1')
        git(lib, 'reset', '-q', '--hard', 'HEAD^')
      },
    ],
  ])('a clone with work %s keeps the worktree', async (_, then) => {
    const library = gitRepo({ 'lib.txt': 'lib\n' })
    const { end, workspace } = await success(gitRepo(), path => {
      git(path, 'clone', '-q', library, 'lib')
      git(join(path, 'lib'), 'config', 'user.name', 'A')
      git(join(path, 'lib'), 'config', 'user.email', 'a@example.com')
      then(join(path, 'lib'))
    })
    expect(end.kept).toBe(workspace.path)
  })

  test('a clone that ignores what was made in it keeps the worktree', async () => {
    const library = gitRepo({ '.gitignore': 'out/\n' })
    const { end, workspace } = await success(gitRepo(), path => {
      git(path, 'clone', '-q', library, 'lib')
      writeFiles(path, { 'lib/out/report.md': OUTPUT })
    })
    expect(end.kept).toBe(workspace.path)
    expect(isKept(workspace.repo, OUTPUT, [])).toBe(true)
  })

  test('a commit of the agent that holds it as a bare link is told, and no branch of it is called whole', async () => {
    const repo = gitRepo()
    const { report } = await success(repo, path => {
      inner(path)
      git(path, 'add', '-A')
      git(path, 'commit', '-q', '-m', 'a link')
    })
    expect(report.remarks.join()).toMatch(/hold inner only as a link to a repository of its own/)
    git(repo, 'update-ref', `refs/agent-runner/run_1/1`, report.commits.at(-1)!.sha)
    git(repo, 'update-ref', '-d', 'refs/heads/feature/task-7')
    const work = await openKeptWork({ repo, worktreeBase: null, author: null, stateFolder: tempFolder(), places: [], busy: [] })
    const piece = (await work.list()).find(one => one.kind === 'ref' && one.runId === 'run_1')!
    expect((await work.restore(piece, 'restored')).remarks.join()).toMatch(/inner is only a link/)
  })

  test('in place it refuses no later task, and stays as it is', async () => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo)
    const minor = (run: string) => request({ complexity: 'minor' }, run)
    const first = await workspaces.prepare(minor('run_1'))
    inner(repo)
    await workspaces.collect(first, minor('run_1'), true)
    await workspaces.cleanup(first, minor('run_1'), true)
    const second = await workspaces.prepare(minor('run_2'))
    writeFiles(repo, { 'a.txt': 'a\n' })
    const report = await workspaces.collect(second, minor('run_2'), true)
    expect(report.files.map(file => file.path)).toEqual(['a.txt'])
    await workspaces.cleanup(second, minor('run_2'), true)
    expect(git(repo, 'status', '--porcelain')).toBe('?? inner/')
  })
})
