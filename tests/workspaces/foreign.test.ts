import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { request, withoutWorktrees, workspacesOf } from '../support/workspaces.ts'

/*
 * Repositories that an agent makes, or has changed, have settings by which git would run a program of the agent's: the runner looks into them and runs none.
 */

/** Leaves a mark by a program that a git runs. */
function trap() {
  const folder = tempFolder()
  const proof = join(folder, 'proof')
  const evil = join(folder, 'evil.sh')
  writeFileSync(evil, `#!/bin/sh\necho ran >> '${proof}'\ncat\n`, { mode: 0o755 })
  return { folder, proof, evil }
}

type Trap = ReturnType<typeof trap>

/** A file that git does not know from its stamp, so that it reads it again. */
function touch(file: string): void {
  writeFileSync(file, 'B\n')
  utimesSync(file, 1_000_000_000, 1_000_000_000)
}

/** What may stand in a repository of somebody else. */
const SETTINGS: { what: string; arm(repo: string, trap: Trap): void }[] = [
  { what: 'a filter', arm: (repo, { evil }) => git(repo, 'config', 'filter.x.clean', evil) },
  { what: 'a filter that is a process', arm: (repo, { evil }) => git(repo, 'config', 'filter.x.process', evil) },
  {
    what: 'a filter by an included file',
    arm: (repo, { evil, folder }) => {
      writeFileSync(join(folder, 'more'), `[filter "x"]\n\tclean = ${evil}\n\trequired\n`)
      git(repo, 'config', 'include.path', join(folder, 'more'))
    },
  },
  {
    what: 'a filter of one worktree',
    arm: (repo, { evil }) => {
      git(repo, 'config', 'extensions.worktreeConfig', 'true')
      git(repo, 'config', '--worktree', 'filter.x.clean', evil)
    },
  },
  { what: 'a monitor', arm: (repo, { evil }) => git(repo, 'config', 'core.fsmonitor', evil) },
  {
    what: 'a folder of hooks',
    arm: (repo, { evil, folder }) => {
      mkdirSync(join(folder, 'hooks'))
      cpSync(evil, join(folder, 'hooks/post-index-change'))
      git(repo, 'config', 'core.hooksPath', join(folder, 'hooks'))
    },
  },
  {
    what: 'a remote that is a command',
    arm: (repo, { evil }) => {
      for (const [name, value] of [
        ['core.repositoryFormatVersion', '1'],
        ['extensions.partialClone', 'origin'],
        ['remote.origin.promisor', 'true'],
        ['remote.origin.url', repo],
        ['remote.origin.uploadpack', evil],
      ])
        git(repo, 'config', name!, value!)
      const parent = git(repo, 'rev-parse', 'HEAD^')
      rmSync(join(repo, '.git/objects', parent.slice(0, 2), parent.slice(2)), { force: true })
    },
  },
]

function armedRepository(folder: string, arm: (repo: string, trap: Trap) => void, trapped: Trap): void {
  gitRepo({ 'b.txt': 'b\n', 'x=y': 'x\n' }, folder)
  git(folder, 'commit', '-qm', 'second', '--allow-empty')
  writeFileSync(join(folder, '.git/info/attributes'), '* filter=x\n')
  arm(folder, trapped)
  touch(join(folder, 'b.txt'))
  rmSync(trapped.proof, { force: true })
}

for (const kind of ['worktree', 'clone', 'in place'])
  test.for(SETTINGS)(`$what of a repository inside a ${kind} runs nothing`, { timeout: 60_000 }, async ({ arm }) => {
    const repo = gitRepo({ 'a.txt': 'a\n' })
    const { workspaces } = workspacesOf(repo, kind === 'clone' ? withoutWorktrees(repo) : {})
    const own = request({ complexity: kind === 'in place' ? 'minor' : 'major' })
    const workspace = await workspaces.prepare(own)
    const trapped = trap()
    armedRepository(join(workspace.path, 'inner'), arm, trapped)
    writeFiles(workspace.path, { 'made.txt': 'made\n' })
    await workspaces.collect(workspace, own, true)
    await workspaces.cleanup(workspace, own, true)
    expect(existsSync(trapped.proof)).toBe(false)
    expect(existsSync(join(workspace.path, 'inner/b.txt'))).toBe(true)
  })

for (const complexity of ['major', 'minor'] as const)
  test(`a submodule whose settings name a filter runs nothing, and its new commit is in the work (${complexity})`, {
    timeout: 60_000,
  }, async () => {
    const library = gitRepo({ 'b.txt': 'b\n' })
    const repo = gitRepo({ 'a.txt': 'a\n' })
    git(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, 'lib')
    git(repo, 'commit', '-qm', 'with a library')
    const { workspaces } = workspacesOf(repo)
    const own = request({ complexity })
    const workspace = await workspaces.prepare(own)
    const { path } = workspace
    git(path, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'update', '--init')
    const lib = join(path, 'lib')
    writeFiles(lib, { 'new.txt': 'new\n' })
    git(lib, 'add', '-A')
    git(lib, '-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '-qm', 'new')
    const head = git(lib, 'rev-parse', 'HEAD')
    const trapped = trap()
    git(lib, 'config', 'filter.x.clean', trapped.evil)
    appendFileSync(join(git(lib, 'rev-parse', '--absolute-git-dir'), 'info/attributes'), '* filter=x\n')
    touch(join(lib, 'b.txt'))
    expect(await workspaces.diffSoFar(workspace, own)).toContain(head)
    const { branch } = await workspaces.collect(workspace, own, true)
    await workspaces.cleanup(workspace, own, true)
    expect(existsSync(trapped.proof)).toBe(false)
    expect(git(repo, 'rev-parse', `${branch}:lib`)).toBe(head)
  })

test('a worktree that the agent makes, and leads to settings of its own, is not looked into', async () => {
  const repo = gitRepo({ 'a.txt': 'a\n' })
  const { workspaces } = workspacesOf(repo)
  const own = request()
  const workspace = await workspaces.prepare(own)
  const trapped = trap()
  const made = join(trapped.folder, 'made')
  git(workspace.path, 'worktree', 'add', '-q', made, '-b', 'side')
  const admin = git(made, 'rev-parse', '--absolute-git-dir')
  cpSync(join(repo, '.git'), join(trapped.folder, 'common'), { recursive: true })
  git(join(trapped.folder, 'common'), 'config', 'filter.x.clean', trapped.evil)
  writeFileSync(join(admin, 'commondir'), `${join(trapped.folder, 'common')}\n`)
  writeFiles(made, { '.gitattributes': '* filter=x\n' })
  touch(join(made, 'a.txt'))
  const { remarks } = await workspaces.collect(workspace, own, true)
  expect(remarks.join(' ')).toContain('was not looked into, since git has other settings there')
  await workspaces.cleanup(workspace, own, true)
  expect(existsSync(trapped.proof)).toBe(false)
})
