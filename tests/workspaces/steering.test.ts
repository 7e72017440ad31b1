import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lookAtCheckout } from '../../src/workspaces/kept/checkout.ts'
import type { WorkspaceOptions } from '../../src/workspaces/options.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { leftovers, request, withoutWorktrees, workspacesOf } from '../support/workspaces.ts'

interface Given {
  repo: string
  path: string
  /** A program that leaves a proof when it is run. */
  evil: string
  elsewhere: string
}

/** What an agent may do to the settings by which git is steered. */
const ATTACKS: { what: string; act(given: Given): void }[] = [
  { what: 'core.worktree', act: ({ repo, elsewhere }) => git(repo, 'config', 'core.worktree', elsewhere) },
  { what: 'core.bare', act: ({ repo }) => git(repo, 'config', 'core.bare', 'true') },
  { what: 'core.fsmonitor', act: ({ repo, evil }) => git(repo, 'config', 'core.fsmonitor', evil) },
  {
    what: 'core.hooksPath',
    act: ({ repo, elsewhere, evil }) => {
      for (const hook of ['pre-commit', 'post-checkout', 'reference-transaction']) symlinkSync(evil, join(elsewhere, hook))
      git(repo, 'config', 'core.hooksPath', elsewhere)
    },
  },
  {
    what: 'a filter',
    act: ({ repo, path, evil }) => {
      for (const kind of ['clean', 'smudge', 'process']) git(repo, 'config', `filter.evil.${kind}`, evil)
      writeFiles(path, { '.gitattributes': '* filter=evil\n' })
    },
  },
  {
    what: 'a file that is included',
    act: ({ repo, evil, elsewhere }) => {
      writeFileSync(join(elsewhere, 'more'), `[core]\n\tfsmonitor = ${evil}\n\tbare = true\n`)
      git(repo, 'config', 'include.path', join(elsewhere, 'more'))
    },
  },
  {
    what: 'settings of one worktree',
    act: ({ repo, elsewhere }) => {
      git(repo, 'config', 'extensions.worktreeConfig', 'true')
      git(repo, 'config', '--worktree', 'core.worktree', elsewhere)
    },
  },
  { what: 'core.sshCommand', act: ({ repo, evil }) => git(repo, 'config', 'core.sshCommand', evil) },
  {
    what: 'a program that signs',
    act: ({ repo, evil }) => {
      git(repo, 'config', 'gpg.program', evil)
      git(repo, 'config', 'commit.gpgSign', 'true')
    },
  },
  { what: 'other addresses for its remotes', act: ({ repo }) => git(repo, 'config', 'url.https://evil.invalid/.insteadOf', 'https://') },
  { what: 'a text that git cannot read', act: ({ repo }) => writeFileSync(join(repo, '.git', 'config'), '[core\n') },
  { what: 'no settings at all', act: ({ repo }) => rmSync(join(repo, '.git', 'config')) },
  {
    what: 'a link to other settings',
    act: ({ repo, elsewhere, evil }) => {
      rmSync(join(repo, '.git', 'config'))
      writeFileSync(join(elsewhere, 'config'), `[core]\n\tfsmonitor = ${evil}\n`)
      symlinkSync(join(elsewhere, 'config'), join(repo, '.git', 'config'))
    },
  },
  {
    what: 'a thousand settings',
    act: ({ repo }) =>
      writeFileSync(join(repo, '.git', 'config'), Array.from({ length: 1_000 }, (_, n) => `[alias]\n\ta${n} = !true\n`).join(''), {
        flag: 'a',
      }),
  },
  {
    what: 'a setting while a lock is left there',
    act: ({ repo, elsewhere }) => {
      git(repo, 'config', 'core.worktree', elsewhere)
      writeFileSync(join(repo, '.git', 'config.lock'), '')
    },
  },
]

const KINDS: { kind: string; complexity: 'major' | 'minor'; arrange: (repo: string) => Partial<WorkspaceOptions> }[] = [
  { kind: 'worktree', complexity: 'major', arrange: () => ({}) },
  { kind: 'clone', complexity: 'major', arrange: withoutWorktrees },
  { kind: 'in-place', complexity: 'minor', arrange: () => ({}) },
]

for (const { kind, complexity, arrange } of KINDS)
  test.for(ATTACKS)(
    `$what, set in the repository by an agent in a ${kind}, steers no git of the runner and is put back`,
    async ({ act }) => {
      const repo = gitRepo({ 'a.txt': 'a\n' })
      const elsewhere = tempFolder()
      const proof = join(elsewhere, 'proof')
      const evil = join(elsewhere, 'evil.sh')
      writeFileSync(evil, `#!/bin/sh\ntouch '${proof}'\ncat\n`, { mode: 0o755 })
      const options = arrange(repo)
      const task = request({ complexity })
      const { workspaces } = workspacesOf(repo, options)
      const workspace = await workspaces.prepare(task)
      expect(workspace.kind).toBe(kind)
      const settings = () => git(repo, 'config', '--local', '--list').split('\n').sort()
      const before = settings()
      writeFiles(workspace.path, { 'b.txt': 'b\n' })
      act({ repo, path: workspace.path, evil, elsewhere })
      rmSync(proof, { force: true })

      const view = await lookAtCheckout(workspace.path, { runId: task.runId, base: workspace.base, dirtyAtStart: [], workspace })
      expect(view.problem).toMatch(/settings that steer git were changed/)
      await workspaces.diffSoFar(workspace, task)
      // As after a kill: nothing is known but what is on the disk.
      const report = await workspacesOf(repo, options).workspaces.collect(workspace, task, true)
      expect(report.commits).toHaveLength(1)
      expect(report.remarks.join('\n')).toMatch(/Settings that steer git were changed while the agent worked and were put back/)
      expect((await workspaces.collect(workspace, task, true)).remarks).toEqual(report.remarks)
      await workspaces.cleanup(workspace, task, true)
      rmSync(join(repo, '.git', 'config.lock'), { force: true })
      expect(settings()).toEqual(before)
      expect(leftovers(repo)).toEqual([])

      const next = request({ id: '8', complexity: 'minor' }, 'run_01jd2x8k3vfz7s9q4m5n6p7r8u')
      const later = await workspaces.prepare(next)
      writeFiles(later.path, { 'c.txt': 'c\n' })
      expect(later).toMatchObject({ kind: 'in-place', path: repo })
      expect((await workspaces.collect(later, next, true)).commits).toHaveLength(1)
      await workspaces.cleanup(later, next, true)
      expect(existsSync(proof)).toBe(false)
    },
  )

test("a clone's own settings, set by the agent in it, steer no git of the runner", async () => {
  const repo = gitRepo({ 'a.txt': 'a\n' })
  const elsewhere = tempFolder()
  const task = request()
  const { workspaces } = workspacesOf(repo, withoutWorktrees(repo))
  const workspace = await workspaces.prepare(task)
  const evil = join(elsewhere, 'evil.sh')
  writeFileSync(evil, `#!/bin/sh\ntouch '${elsewhere}/proof'\ncat\n`, { mode: 0o755 })
  mkdirSync(join(elsewhere, 'tree'))
  git(workspace.path, 'config', 'filter.evil.clean', evil)
  git(workspace.path, 'config', 'core.worktree', join(elsewhere, 'tree'))
  writeFiles(workspace.path, { 'b.txt': 'b\n', '.gitattributes': '* filter=evil\n' })
  const report = await workspaces.collect(workspace, task, true)
  expect(report.files.map(file => file.path)).toEqual(['.gitattributes', 'b.txt'])
  expect(report.remarks.join('\n')).toMatch(/put back: core\.worktree, filter\.evil\.clean|put back: filter\.evil\.clean, core\.worktree/)
  expect((await workspaces.cleanup(workspace, task, true)).kept).toBeNull()
  expect(existsSync(join(elsewhere, 'proof'))).toBe(false)
})

test('what git writes of branches, submodules and new remotes in everyday work stays', async () => {
  const repo = gitRepo({ 'a.txt': 'a\n' })
  const task = request()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(task)
  git(workspace.path, 'remote', 'add', 'mine', tempFolder())
  git(workspace.path, 'config', 'branch.main.remote', 'mine')
  git(workspace.path, 'config', 'submodule.lib.active', 'true')
  const { remarks } = await workspaces.collect(workspace, task, true)
  expect(remarks.join('\n')).not.toMatch(/put back/)
  expect(git(repo, 'config', 'branch.main.remote')).toBe('mine')
  expect(git(repo, 'remote')).toBe('mine')
})

test("settings that another run's agent had changed, and its run has put back, do not come back with this one's picture of them", async () => {
  const repo = gitRepo({ 'a.txt': 'a\n' })
  const settings = () => git(repo, 'config', '--local', '--list').split('\n').sort()
  git(repo, 'config', 'core.editor', 'mine')
  const before = settings()
  const { workspaces } = workspacesOf(repo)
  const [first, second] = [request({ id: '8' }, 'run_first0'), request({ id: '9' }, 'run_second')]
  const one = await workspaces.prepare(first)
  git(repo, 'config', 'core.hooksPath', '/evil')
  git(repo, 'config', 'core.editor', 'evil')
  // Its picture shows both.
  const two = await workspaces.prepare(second)
  expect((await workspaces.collect(one, first, true)).remarks.join()).toMatch(/core\.editor/)
  await workspaces.cleanup(one, first, true)
  expect(settings()).toEqual(before)
  const quiet = await workspacesOf(repo).workspaces.collect(two, second, true)
  expect(quiet.remarks).toEqual([])
  expect(settings()).toEqual(before)
  // What its own agent makes of them is put back to what they were before both.
  git(repo, 'config', 'core.hooksPath', '/evil')
  git(repo, 'config', 'core.editor', 'other')
  expect((await workspaces.collect(two, second, true)).remarks.join()).toMatch(/put back: .*core\.hookspath/)
  expect(settings()).toEqual(before)
  await workspaces.cleanup(two, second, true)
  expect(settings()).toEqual(before)
  expect(leftovers(repo)).toEqual([])
})
