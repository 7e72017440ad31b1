import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { request, withoutWorktrees, workspacesOf } from '../support/workspaces.ts'

const saved = process.env.GIT_CONFIG_GLOBAL
beforeEach(() => {
  const file = join(tempFolder(), 'gitconfig')
  writeFileSync(file, '[protocol "file"]\n\tallow = always\n')
  process.env.GIT_CONFIG_GLOBAL = file
})
afterEach(() => {
  if (saved === undefined) delete process.env.GIT_CONFIG_GLOBAL
  else process.env.GIT_CONFIG_GLOBAL = saved
})

interface Left {
  /** The submodule's git folder, and a program that leaves a proof. */
  gitDir: string
  evil: string
  elsewhere: string
}

/** What an agent may leave in the git folder of a submodule, and whether git may work there all the same. */
const LEFT: { what: string; mayWork: boolean; act(left: Left): void }[] = [
  { what: 'nothing but what git wrote', mayWork: true, act: () => {} },
  {
    what: 'hooks',
    mayWork: true,
    act: ({ gitDir, evil }) => {
      mkdirSync(join(gitDir, 'hooks'), { recursive: true })
      for (const name of ['post-checkout', 'post-index-change', 'reference-transaction']) symlinkSync(evil, join(gitDir, 'hooks', name))
    },
  },
  {
    what: 'a filter',
    mayWork: false,
    act: ({ gitDir, evil }) => {
      for (const kind of ['smudge', 'clean', 'process']) git(gitDir, 'config', `filter.x.${kind}`, evil)
      writeFiles(gitDir, { 'info/attributes': '* filter=x\n' })
    },
  },
  { what: 'a folder of hooks', mayWork: false, act: ({ gitDir, elsewhere }) => git(gitDir, 'config', 'core.hooksPath', elsewhere) },
  { what: 'a monitor', mayWork: false, act: ({ gitDir, evil }) => git(gitDir, 'config', 'core.fsmonitor', evil) },
  { what: 'an ssh command', mayWork: false, act: ({ gitDir, evil }) => git(gitDir, 'config', 'core.sshCommand', evil) },
  { what: 'a helper for passwords', mayWork: false, act: ({ gitDir, evil }) => git(gitDir, 'config', 'credential.helper', `!${evil}`) },
  {
    what: 'another program at the other end',
    mayWork: false,
    act: ({ gitDir, evil }) => git(gitDir, 'config', 'remote.origin.uploadpack', evil),
  },
  {
    what: 'settings that are included',
    mayWork: false,
    act: ({ gitDir, evil }) => {
      writeFileSync(join(gitDir, 'more'), `[core]\n\tfsmonitor = ${evil}\n`)
      git(gitDir, 'config', 'include.path', 'more')
    },
  },
  {
    what: 'another place for its files',
    mayWork: false,
    act: ({ gitDir, elsewhere }) => git(gitDir, 'config', 'core.worktree', elsewhere),
  },
  {
    what: 'a way to another git folder',
    mayWork: false,
    act: ({ gitDir, elsewhere }) => writeFileSync(join(gitDir, 'commondir'), join(elsewhere, 'x')),
  },
  {
    what: 'a link in its place',
    mayWork: false,
    act: ({ gitDir, elsewhere, evil }) => {
      renameSync(gitDir, join(elsewhere, 'moved'))
      symlinkSync(join(elsewhere, 'moved'), gitDir)
      git(join(elsewhere, 'moved'), 'config', 'core.fsmonitor', evil)
    },
  },
  {
    what: 'an armed submodule of its own',
    mayWork: false,
    act: ({ gitDir, evil }) => {
      git(gitDir, 'init', '-q', '--bare', join(gitDir, 'modules/inner'))
      git(join(gitDir, 'modules/inner'), 'config', 'core.fsmonitor', evil)
    },
  },
]

for (const kind of ['worktree', 'clone'])
  test.for(LEFT)(
    `a submodule whose git folder was left with $what runs nothing for the next task in the ${kind}`,
    async ({ act, mayWork }) => {
      const repo = gitRepo()
      git(repo, 'submodule', '--quiet', 'add', gitRepo({ 'lib.txt': 'lib\n' }), 'lib')
      git(repo, 'commit', '-q', '-m', 'submodule')
      const { workspaces, warnings } = workspacesOf(repo, kind === 'clone' ? withoutWorktrees(repo) : {})
      const first = request()
      const workspace = await workspaces.prepare(first)
      expect(workspace.kind).toBe(kind)
      const elsewhere = tempFolder()
      const proof = join(elsewhere, 'proof')
      const evil = join(elsewhere, 'evil.sh')
      writeFileSync(evil, `#!/bin/sh\necho ran >>'${proof}'\ncat\n`)
      chmodSync(evil, 0o755)
      symlinkSync(evil, join(elsewhere, 'post-checkout'))
      const gitDir = git(join(workspace.path, 'lib'), 'rev-parse', '--absolute-git-dir')
      git(workspace.path, 'submodule', '--quiet', 'deinit', '-f', 'lib')
      act({ gitDir, evil, elsewhere })
      rmSync(proof, { force: true })
      await workspaces.cleanup(workspace, first, false)

      const next = await workspaces.prepare(request({}, 'run_next00'))
      expect(next.path).toBe(workspace.path)
      expect(existsSync(proof)).toBe(false)
      const file = join(next.path, 'lib', 'lib.txt')
      if (mayWork) expect(readFileSync(file, 'utf8')).toBe('lib\n')
      else {
        expect(existsSync(file)).toBe(false)
        expect(warnings.join()).toContain('not all submodules could be initialised: lib: ')
      }
    },
  )
