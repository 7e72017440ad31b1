import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { WorkspaceKind } from '../../src/core/run.ts'
import type { Task } from '../../src/core/task.ts'
import type { WorkspaceOptions } from '../../src/workspaces/options.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { isKept, leftovers, request, rescueRefs, workspacesOf } from '../support/workspaces.ts'

/** What every kind of workspace promises; `task` makes a request get this kind, in a repository as `arrange` leaves it. */
export function workspacesKeepTheirPromises(
  kind: WorkspaceKind,
  task: Partial<Task>,
  arrange: (repo: string) => Partial<WorkspaceOptions> = () => ({}),
) {
  const opened = (repo: string, options: Partial<WorkspaceOptions> = {}) => workspacesOf(repo, { ...arrange(repo), ...options })
  const why = kind === 'clone' ? expect.stringContaining('in a clone of the repository') : null
  const files = { 'README.md': '# demo\n', 'src/old.txt': 'old\n', 'src/gone.txt': 'gone\n', '.gitignore': 'ignored/\n*.report\n' }
  const work = (path: string) => {
    writeFiles(path, { 'src/new file ä.txt': 'new\n', 'src/old.txt': 'changed\n' })
    git(path, 'rm', '-q', 'src/gone.txt')
  }

  describe(`every workspace (${kind})`, () => {
    test('plan says what prepare does, and touches nothing', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const exclude = () => readFileSync(join(repo, '.git', 'info', 'exclude'), 'utf8')
      const before = [git(repo, 'for-each-ref'), git(repo, 'worktree', 'list'), exclude(), git(repo, 'status', '--porcelain', '--ignored')]
      const plan = await workspaces.plan(request(task))
      expect([
        git(repo, 'for-each-ref'),
        git(repo, 'worktree', 'list'),
        exclude(),
        git(repo, 'status', '--porcelain', '--ignored'),
      ]).toEqual(before)
      expect(existsSync(join(repo, '.worktrees'))).toBe(false)
      const workspace = await workspaces.prepare(request(task))
      expect(plan).toEqual({
        kind,
        path: workspace.path,
        branch: workspace.branch,
        base: workspace.base,
        remark: kind === 'clone' ? expect.any(String) : null,
      })
    })

    test('preparing twice is the same as preparing once', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const first = await workspaces.prepare(request(task))
      const state = () => [git(repo, 'for-each-ref'), git(repo, 'worktree', 'list'), git(first.path, 'status', '--porcelain')]
      const before = state()
      expect(await workspaces.prepare(request(task))).toEqual(first)
      expect(state()).toEqual(before)
      expect(first).toMatchObject({ kind, base: git(repo, 'rev-parse', 'HEAD'), fallback: why, dirtyAtStart: [] })
    })

    test('after a success all that the agent left is committed, once, and reported', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      writeFiles(workspace.path, { 'first.txt': 'one\n' })
      git(workspace.path, 'add', '-A')
      git(workspace.path, '-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '-q', '-m', 'by the agent')
      work(workspace.path)
      const report = await workspaces.collect(workspace, request(task), true)
      expect(report.commits.map(commit => commit.subject)).toEqual(['by the agent', 'Task 7: Add a greeting'])
      expect(report.branch).toBe(workspace.branch)
      expect(report.files).toEqual([
        { path: 'first.txt', added: 1, removed: 0 },
        { path: 'src/gone.txt', added: 0, removed: 1 },
        { path: 'src/new file ä.txt', added: 1, removed: 0 },
        { path: 'src/old.txt', added: 1, removed: 1 },
      ])
      expect(report.diff).toContain('+changed\n')
      expect(report.remarks).toEqual([])
      expect(git(workspace.path, 'status', '--porcelain')).toBe('')
      expect(git(repo, 'rev-parse', workspace.branch!)).toBe(report.commits.at(-1)?.sha)
      expect(await workspaces.collect(workspace, request(task), true)).toEqual(report)
    })

    test('after a failure nothing is committed, and collecting twice changes nothing', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      work(workspace.path)
      const before = git(workspace.path, 'status', '--porcelain')
      const report = await workspaces.collect(workspace, request(task), false)
      expect(report).toMatchObject({ commits: [], files: [], diff: '', rescued: [] })
      expect(git(workspace.path, 'status', '--porcelain')).toBe(before)
      expect(await workspaces.collect(workspace, request(task), false)).toEqual(report)
    })

    test('cleaning up after a success leaves nothing but the branch', async () => {
      const repo = gitRepo(files)
      const { workspaces, warnings } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      work(workspace.path)
      writeFiles(workspace.path, { 'ignored/node_modules/a.js': 'x' })
      await workspaces.collect(workspace, request(task), true)
      expect(await workspaces.cleanup(workspace, request(task), true)).toEqual({ kept: null, rescued: [] })
      expect(git(repo, 'worktree', 'list').split('\n')).toHaveLength(1)
      if (kind !== 'in-place') expect(existsSync(workspace.path)).toBe(false)
      expect(git(repo, 'show', `${workspace.branch}:src/new file ä.txt`)).toBe('new')
      expect(git(repo, 'status', '--porcelain')).toBe('')
      expect(leftovers(repo)).toEqual([])
      expect(rescueRefs(repo)).toEqual([])
      expect(await workspaces.cleanup(workspace, request(task), true)).toEqual({ kept: null, rescued: [] })
      expect(warnings).toEqual([])
    })

    test('nothing that the agent made is gone after a success: ignored files, a repository inside, a stash', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      const { path } = workspace
      writeFiles(path, { 'src/old.txt': 'put into the stash\n' })
      git(path, 'stash', '-q')
      writeFiles(path, { 'out.report': 'an ignored report\n', 'a.txt': 'a\n' })
      gitRepo({ 'x.txt': 'in a repository of its own\n' }, join(path, 'inner'))
      const report = await workspaces.collect(workspace, request(task), true)
      expect(report.files.map(file => file.path)).toEqual(['a.txt'])
      const said = report.remarks.join('\n')
      for (const named of ['out.report', 'inner', 'git stash']) expect(said).toContain(named)
      const { kept } = await workspaces.cleanup(workspace, request(task), true)
      for (const text of ['put into the stash\n', 'an ignored report\n', 'in a repository of its own\n'])
        expect(isKept(repo, text, kind === 'in-place' ? [repo] : [])).toBe(true)
      expect(kept).toBe(kind === 'in-place' ? null : path)
      expect(leftovers(repo)).toEqual([])
    })

    test('cleaning up after a failure twice is the same as once, and nothing is lost', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      work(workspace.path)
      await workspaces.collect(workspace, request(task), false)
      const first = await workspaces.cleanup(workspace, request(task), false)
      expect(await workspaces.cleanup(workspace, request(task), false)).toEqual(first)
      for (const text of ['new\n', 'changed\n', 'old\n', 'gone\n']) expect(isKept(repo, text, [repo, workspace.path])).toBe(true)
      expect(leftovers(repo)).toEqual([])
    })

    test.each(['detached', 'other branch', 'branch reset'])('commits are not lost when the agent left HEAD elsewhere: %s', async where => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      const path = workspace.path
      if (where === 'detached') git(path, 'checkout', '-q', '--detach')
      if (where === 'other branch') git(path, 'checkout', '-q', '-b', 'elsewhere')
      writeFiles(path, { 'committed.txt': 'committed by the agent\n' })
      git(path, 'add', '-A')
      git(path, 'commit', '-q', '-m', 'agent')
      if (where === 'branch reset') git(repo, 'update-ref', `refs/heads/${workspace.branch}`, workspace.base!)
      writeFiles(path, { 'late.txt': 'left uncommitted\n' })
      const report = await workspaces.collect(workspace, request(task), true)
      expect(report.files.map(file => file.path)).toContain('committed.txt')
      expect(report.files.map(file => file.path)).toContain('late.txt')
      if (where !== 'branch reset') expect(report.remarks.join()).toMatch(/The agent left the workspace on/)
      const end = await workspaces.cleanup(workspace, request(task), true)
      expect(end.kept).toBeNull()
      if (kind !== 'in-place') expect(existsSync(path)).toBe(false)
      for (const text of ['committed by the agent\n', 'left uncommitted\n']) expect(isKept(repo, text, [])).toBe(true)
      if (where === 'detached') expect(end.rescued).toEqual([])
    })

    const commit = (path: string, name: string) => {
      writeFiles(path, { [`${name}.txt`]: `${name}\n` })
      git(path, 'add', '-A')
      git(path, 'commit', '-q', '-m', name)
    }
    test.each<[string, 'its own' | 'mine' | null, string[], RegExp, (path: string, own: string) => void]>([
      [
        'HEAD is detached and ahead',
        'its own',
        ['one'],
        /on no branch \(detached HEAD\); what was committed there is on .* all the same/,
        path => {
          git(path, 'checkout', '-q', '--detach')
          commit(path, 'one')
        },
      ],
      [
        'HEAD is detached and the branch deleted',
        'its own',
        ['one'],
        /had been deleted while it was worked on; it is back at/,
        (path, own) => {
          git(path, 'checkout', '-q', '--detach')
          git(path, 'branch', '-q', '-D', own)
          commit(path, 'one')
        },
      ],
      [
        'HEAD is detached and apart from the branch',
        null,
        ['two'],
        /Of the run's commits 1 is on .* alone and not counted here/,
        path => {
          commit(path, 'one')
          git(path, 'checkout', '-q', '--detach', 'HEAD^')
          commit(path, 'two')
        },
      ],
      [
        'HEAD is detached before the end of the branch',
        'its own',
        ['one'],
        /detached HEAD\); the work is on/,
        path => {
          commit(path, 'one')
          git(path, 'checkout', '-q', '--detach', 'HEAD^')
        },
      ],
      [
        'HEAD is detached at the work of somebody else',
        'its own',
        [],
        /detached HEAD\); the work is on/,
        path => void git(path, 'checkout', '-q', '--detach', 'others'),
      ],
      [
        'HEAD is on the branch of somebody else',
        'its own',
        ['one'],
        /on the branch others; the work is on/,
        path => {
          commit(path, 'one')
          git(path, 'checkout', '-q', 'others')
        },
      ],
      [
        'the branch was renamed',
        'mine',
        ['one'],
        /had been deleted while it was worked on; it is back at/,
        path => {
          git(path, 'branch', '-q', '-m', 'mine')
          commit(path, 'one')
        },
      ],
      [
        'HEAD is on another branch that was made for it',
        'mine',
        ['one', 'two'],
        /left the workspace on the branch mine; the work began on/,
        path => {
          commit(path, 'one')
          git(path, 'checkout', '-q', '-b', 'mine')
          commit(path, 'two')
        },
      ],
      [
        'there is work on both branches',
        'mine',
        ['two'],
        /Of the run's commits 1 is on .* alone and not counted here/,
        path => {
          commit(path, 'one')
          git(path, 'checkout', '-q', '-b', 'mine', 'HEAD^')
          commit(path, 'two')
        },
      ],
    ])('the branch that is named holds all commits that are counted, or none is named: %s', async (_, named, subjects, says, act) => {
      const repo = gitRepo(files)
      git(repo, 'checkout', '-q', '-b', 'others')
      commit(repo, "somebody else's")
      git(repo, 'checkout', '-q', 'main')
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      act(workspace.path, workspace.branch!)
      const report = await workspaces.collect(workspace, request(task), true)
      expect(report.branch).toBe(named === 'its own' ? workspace.branch : named)
      expect(report.commits.map(one => one.subject)).toEqual(subjects)
      expect(report.remarks.join('\n')).toMatch(says)
      const holding = report.branch === null ? report.rescued : [`refs/heads/${report.branch}`]
      for (const { sha } of report.commits) expect(holding.some(ref => git(repo, 'rev-list', ref).split('\n').includes(sha))).toBe(true)
      // As after a kill.
      const { remarks, ...again } = await workspaces.collect(workspace, request(task), true)
      expect({ ...again, remarks: [] }).toEqual({ ...report, remarks: [] })
      expect(report.remarks).toEqual(expect.arrayContaining(remarks))
      await workspaces.cleanup(workspace, request(task), true)
      for (const { sha } of report.commits) expect(holding.some(ref => git(repo, 'rev-list', ref).split('\n').includes(sha))).toBe(true)
      expect(git(repo, 'rev-parse', '--verify', `refs/heads/${workspace.branch}`)).toBeTruthy()
      expect(leftovers(repo)).toEqual([])
    })

    test('a branch that was deleted under the agent comes back with its history', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      writeFiles(workspace.path, { 'committed.txt': 'committed\n' })
      git(workspace.path, 'add', '-A')
      git(workspace.path, 'commit', '-q', '-m', 'agent')
      git(repo, 'update-ref', '-d', `refs/heads/${workspace.branch}`)
      writeFiles(workspace.path, { 'late.txt': 'late\n' })
      const report = await workspaces.collect(workspace, request(task), true)
      expect(report.commits.map(commit => commit.subject)).toEqual(['agent', 'Task 7: Add a greeting'])
      expect(report.remarks.join()).toContain('had been deleted')
    })

    test('conflicts are not committed, and their files are kept', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      const path = workspace.path
      git(path, 'checkout', '-q', '-b', 'side')
      writeFiles(path, { 'src/old.txt': 'side\n' })
      git(path, 'commit', '-q', '-am', 'side')
      git(path, 'checkout', '-q', workspace.branch!)
      writeFiles(path, { 'src/old.txt': 'mine\n' })
      git(path, 'commit', '-q', '-am', 'mine')
      expect(() => git(path, 'merge', 'side')).toThrow()
      const report = await workspaces.collect(workspace, request(task), true)
      expect(report.remarks.join()).toContain('conflicts in src/old.txt')
      expect(report.commits.map(commit => commit.subject)).toContain('mine')
      expect(git(path, 'log', '-1', '--format=%s')).toBe('mine')
      expect(report.rescued).toHaveLength(1)
      expect(git(repo, 'show', `${report.rescued[0]}:src/old.txt`)).toContain('<<<<<<<')
    })

    test('a hook that refuses, an identity that is missing and a signing key that is not there cost no work', async () => {
      const repo = gitRepo(files)
      git(repo, 'config', '--unset', 'user.name')
      git(repo, 'config', 'user.useConfigOnly', 'true')
      git(repo, 'config', 'commit.gpgsign', 'true')
      git(repo, 'config', 'gpg.program', '/nonexistent')
      for (const hook of ['pre-commit', 'prepare-commit-msg']) {
        writeFiles(repo, { [`.git/hooks/${hook}`]: '#!/bin/sh\necho "no such commit" >&2\nexit 1\n' })
        git(repo, 'update-index', '--refresh')
        const { chmodSync } = await import('node:fs')
        chmodSync(join(repo, '.git', 'hooks', hook), 0o755)
      }
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      work(workspace.path)
      const report = await workspaces.collect(workspace, request(task), true)
      expect(report.commits).toHaveLength(1)
      expect(report.remarks.join()).toMatch(/hooks refused.*no such commit/s)
      expect(git(repo, 'log', '-1', '--format=%an <%ae>', workspace.branch!)).toBe('Agent Runner <agent-runner@localhost>')
    })

    test('a stale index.lock is no obstacle', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo)
      const workspace = await workspaces.prepare(request(task))
      work(workspace.path)
      writeFiles(git(workspace.path, 'rev-parse', '--absolute-git-dir'), { 'index.lock': '' })
      const report = await workspaces.collect(workspace, request(task), true)
      expect(report.commits).toHaveLength(1)
      expect((await workspaces.cleanup(workspace, request(task), true)).kept).toBeNull()
      expect(leftovers(repo)).toEqual([])
    })

    test('the diff is cut after a whole line', async () => {
      const repo = gitRepo(files)
      const { workspaces } = opened(repo, { diffBytes: 3_000 })
      const workspace = await workspaces.prepare(request(task))
      writeFiles(workspace.path, { 'big.txt': 'a line of text\n'.repeat(200_000), 'a.bin': '\0\0' })
      const report = await workspaces.collect(workspace, request(task), true)
      expect(Buffer.byteLength(report.diff)).toBeLessThanOrEqual(3_000)
      expect(report.diff.length).toBeGreaterThan(2_900)
      expect(report.diff.endsWith('+a line of text\n')).toBe(true)
      expect(report.remarks.join()).toContain('cut at 3000 bytes')
      expect(report.files).toContainEqual({ path: 'a.bin', added: null, removed: null })
      expect(report.files).toContainEqual({ path: 'big.txt', added: 200_000, removed: 0 })
    })

    test("the title is data: it can be no option, no second line, and no git variable of the runner's reaches git", async () => {
      const repo = gitRepo(files)
      const nasty = { ...task, title: '--amend\n\n# {id} $(touch x) `x`' }
      const { workspaces } = opened(repo, { commitMessage: '{title} ({id})' })
      const decoy = gitRepo()
      const saved = { ...process.env }
      Object.assign(process.env, { GIT_DIR: join(decoy, '.git'), GIT_INDEX_FILE: join(decoy, 'index'), GIT_WORK_TREE: decoy })
      try {
        const workspace = await workspaces.prepare(request(nasty))
        writeFiles(workspace.path, { 'a.txt': 'a\n' })
        const report = await workspaces.collect(workspace, request(nasty), true)
        expect(report.commits.map(commit => commit.subject)).toEqual(['--amend # {id} $(touch x) `x` (7)'])
      } finally {
        for (const name of ['GIT_DIR', 'GIT_INDEX_FILE', 'GIT_WORK_TREE']) delete process.env[name]
        Object.assign(process.env, saved)
      }
      expect(git(decoy, 'status', '--porcelain')).toBe('')
    })
  })
}
