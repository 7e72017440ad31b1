import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { WorkspaceOptions } from '../../../src/workspaces/options.ts'
import { git, gitRepo, writeFiles } from '../../support/git-repo.ts'
import { tempFolder } from '../../support/temp.ts'
import { leftovers, request, withoutWorktrees, workspacesOf } from '../../support/workspaces.ts'

/** A repository with settings that make git run a program of the agent's. */
function armed(folder: string, proof: string): string {
  const evil = join(folder, 'evil.sh')
  mkdirSync(folder, { recursive: true })
  writeFileSync(evil, `#!/bin/sh\necho ran >> '${proof}'\ncat\n`, { mode: 0o755 })
  git(folder, 'init', '-q', '-b', 'main')
  for (const [name, value] of [
    ['core.fsmonitor', evil],
    ['core.hooksPath', folder],
    ['filter.evil.clean', evil],
    ['filter.evil.smudge', evil],
  ])
    git(folder, 'config', name!, value!)
  writeFiles(folder, { '.gitattributes': '* filter=evil\n' })
  return join(folder, '.git')
}

interface Place {
  repo: string
  path: string
  proof: string
}

/** What an agent may do to the git folder of its own workspace. */
const AT_WORKSPACE: { what: string; act(place: Place): void }[] = [
  {
    what: 'a repository of its own in the place of .git',
    act: ({ path, proof }) => {
      rmSync(join(path, '.git'), { recursive: true })
      armed(path, proof)
    },
  },
  {
    what: 'a .git that leads to a repository of its own',
    act: ({ path, proof }) => {
      rmSync(join(path, '.git'), { recursive: true })
      writeFileSync(join(path, '.git'), `gitdir: ${armed(join(tempFolder(), 'evil'), proof)}\n`)
    },
  },
  {
    what: 'a .git that is a link',
    act: ({ path, proof }) => {
      rmSync(join(path, '.git'), { recursive: true })
      symlinkSync(armed(join(tempFolder(), 'evil'), proof), join(path, '.git'))
    },
  },
  {
    what: 'another folder in the place of its own',
    act: ({ path, proof }) => {
      renameSync(path, `${path}-moved`)
      armed(path, proof)
    },
  },
]

const KINDS: { kind: string; arrange: (repo: string) => Partial<WorkspaceOptions> }[] = [
  { kind: 'worktree', arrange: () => ({}) },
  { kind: 'clone', arrange: withoutWorktrees },
]

for (const { kind, arrange } of KINDS)
  test.for(AT_WORKSPACE)(`a ${kind} with $what is not done: no git works in it, and what was made stays`, async ({ act }) => {
    const repo = gitRepo()
    const { workspaces } = workspacesOf(repo, arrange(repo))
    const workspace = await workspaces.prepare(request())
    const { path } = workspace
    const proof = join(tempFolder(), 'proof')
    act({ repo, path, proof })
    rmSync(proof, { force: true })
    writeFiles(path, { 'made.txt': 'made by the agent\n' })
    const head = git(repo, 'rev-parse', 'HEAD')
    for (let twice = 0; twice < 2; twice++) {
      const report = await workspaces.collect(workspace, request(), true)
      expect(report).toMatchObject({ commits: [], replaced: { what: 'workspace' } })
      expect(report.remarks.join(' ')).toContain(`nothing in ${path} was committed`)
    }
    expect(await workspaces.cleanup(workspace, request(), false)).toMatchObject({ kept: path })
    expect(existsSync(proof)).toBe(false)
    expect(readFileSync(join(path, 'made.txt'), 'utf8')).toBe('made by the agent\n')
    expect(git(repo, 'rev-parse', 'HEAD', workspace.branch!)).toBe(`${head}\n${head}`)
    expect(existsSync(join(path, '.git'))).toBe(false)
    expect(leftovers(repo)).toEqual([])
    const next = await workspaces.prepare(request({}, 'run_next00'))
    expect(next.path).not.toBe(path)
  })

test('a worktree whose folder was exchanged for an empty one is not committed as if all had been deleted', async () => {
  const repo = gitRepo()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  renameSync(workspace.path, `${workspace.path}-moved`)
  mkdirSync(workspace.path)
  const report = await workspaces.collect(workspace, request(), true)
  expect(report).toMatchObject({ commits: [], replaced: { what: 'workspace' } })
})

/** What may happen to the repository itself. */
const AT_REPOSITORY: { what: string; act(place: Place): void }[] = [
  { what: 'moved away', act: ({ repo }) => renameSync(join(repo, '.git'), join(tempFolder(), 'git')) },
  {
    what: 'exchanged for one of the agent',
    act: ({ repo, proof }) => {
      renameSync(join(repo, '.git'), join(tempFolder(), 'git'))
      armed(repo, proof)
    },
  },
  {
    what: 'exchanged for a link to one of the agent',
    act: ({ repo, proof }) => {
      renameSync(join(repo, '.git'), join(tempFolder(), 'git'))
      writeFileSync(join(repo, '.git'), `gitdir: ${armed(join(tempFolder(), 'evil'), proof)}\n`)
    },
  },
]

for (const complexity of ['minor', 'major'] as const)
  test.for(AT_REPOSITORY)(
    `a repository whose .git was $what: a ${complexity} task is not done, and nothing is committed`,
    async ({ act }) => {
      const repo = gitRepo()
      const { workspaces } = workspacesOf(repo)
      const own = request({ complexity })
      const workspace = await workspaces.prepare(own)
      writeFiles(workspace.path, { 'made.txt': 'made by the agent\n' })
      const proof = join(tempFolder(), 'proof')
      act({ repo, path: workspace.path, proof })
      rmSync(proof, { force: true })
      for (let twice = 0; twice < 2; twice++) {
        const report = await workspaces.collect(workspace, own, true)
        expect(report).toMatchObject({ commits: [], replaced: { what: 'repository' } })
        await workspaces.cleanup(workspace, own, false)
      }
      expect(existsSync(proof)).toBe(false)
      expect(readFileSync(join(workspace.path, 'made.txt'), 'utf8')).toBe('made by the agent\n')
    },
  )

test('a repository inside another one, whose .git was moved away: the outer one gets nothing', async () => {
  const outer = gitRepo()
  const repo = gitRepo(undefined, join(outer, 'inner'))
  const { workspaces } = workspacesOf(repo)
  const minor = request({ complexity: 'minor' })
  const workspace = await workspaces.prepare(minor)
  writeFiles(repo, { 'made.txt': 'made by the agent\n' })
  renameSync(join(repo, '.git'), join(tempFolder(), 'git'))
  expect(await workspaces.collect(workspace, minor, true)).toMatchObject({ commits: [], replaced: { what: 'repository' } })
  expect(git(outer, 'log', '--format=%s')).toBe('start')
})

for (const { kind, arrange } of KINDS)
  test(`a ${kind} whose run another agent has taken over is that one's: the first one's clean-up takes nothing by which it is known`, async () => {
    const repo = gitRepo({ 'a.txt': 'a\n' })
    const { workspaces } = workspacesOf(repo, arrange(repo))
    const first = request()
    const second = { ...first, agentId: 'dev_002' }
    const lost = await workspaces.prepare(first)
    const taken = await workspaces.prepare(second)
    expect(taken).toMatchObject({ kind, path: lost.path })
    writeFileSync(join(taken.path, 'b.txt'), 'b\n')
    await workspaces.cleanup(lost, first, false)
    const { replaced, commits } = await workspaces.collect(taken, second, true)
    expect(replaced).toBeUndefined()
    expect(commits).toHaveLength(1)
    expect((await workspaces.cleanup(taken, second, true)).kept).toBeNull()
    expect(leftovers(repo)).toEqual([])
  })
