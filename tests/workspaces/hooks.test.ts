import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import type { WorkspaceOptions } from '../../src/workspaces/options.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { leftovers, request, withoutWorktrees, workspacesOf } from '../support/workspaces.ts'

const KINDS: { kind: string; complexity: 'major' | 'minor'; arrange: (repo: string) => Partial<WorkspaceOptions> }[] = [
  { kind: 'worktree', complexity: 'major', arrange: () => ({}) },
  { kind: 'clone', complexity: 'major', arrange: withoutWorktrees },
  { kind: 'in-place', complexity: 'minor', arrange: () => ({}) },
]

interface Given {
  /** The repository's git folder, and its hooks. */
  gitDir: string
  hooks: string
  elsewhere: string
  /** The text of a hook that leaves a proof. */
  evil: string
  /** Writes a hook of that text. */
  arm(path: string): void
}

const LARGE = `#!/bin/sh\n${'# what a large hook has\n'.repeat(4_000)}`

/** All that a git folder has that steers git, and how it is: path → what it is. */
function seen(gitDir: string): Record<string, string> {
  const found: Record<string, string> = {}
  const look = (path: string) => {
    const entry = lstatSync(path, { throwIfNoEntry: false })
    if (!entry || path.endsWith('.sample')) return
    const rights = (entry.mode & 0o777).toString(8)
    const is = entry.isSymbolicLink()
      ? `link to ${readlinkSync(path)}`
      : entry.isDirectory()
        ? 'folder'
        : entry.isFile()
          ? `${rights} ${readFileSync(path, 'utf8')}`
          : 'other'
    found[relative(gitDir, path)] = is
    if (is === 'folder') for (const name of readdirSync(path)) look(join(path, name))
  }
  for (const name of ['hooks', 'mine', 'checks', 'more', 'info/attributes', 'info/grafts', 'objects/info/alternates'])
    look(join(gitDir, name))
  return found
}

/** What an agent may do to hooks, and whether what was there before is there again. */
const ACTS: { what: string; told: RegExp; act(given: Given): void; isLost?: true }[] = [
  { what: 'a hook that came', told: /hooks\/post-commit .*came while/, act: ({ hooks, arm }) => arm(join(hooks, 'post-commit')) },
  {
    what: 'a hook that was changed',
    told: /hooks\/pre-commit .*was changed while the agent worked\. It is as it was/,
    act: ({ hooks, arm }) => arm(join(hooks, 'pre-commit')),
  },
  {
    what: 'a hook that was deleted',
    told: /hooks\/pre-commit .*deleted while the agent worked, and is back/,
    act: ({ hooks }) => rmSync(join(hooks, 'pre-commit')),
  },
  {
    what: 'a hook that was made executable',
    told: /The rights of .*hooks\/commit-msg/,
    act: ({ hooks }) => chmodSync(join(hooks, 'commit-msg'), 0o755),
  },
  {
    what: 'a hook that may be run no more',
    told: /The rights of .*hooks\/pre-commit/,
    act: ({ hooks }) => chmodSync(join(hooks, 'pre-commit'), 0o600),
  },
  {
    what: 'a hook in whose place is a link',
    told: /hooks\/pre-commit .*was changed/,
    act: ({ hooks, elsewhere, arm }) => {
      arm(join(elsewhere, 'evil'))
      rmSync(join(hooks, 'pre-commit'))
      symlinkSync(join(elsewhere, 'evil'), join(hooks, 'pre-commit'))
    },
  },
  {
    what: 'what a link of the user leads to, changed',
    told: /\.git\/checks\/all .*was changed/,
    act: ({ gitDir, arm }) => arm(join(gitDir, 'checks/all')),
  },
  {
    what: 'a link of the user that leads elsewhere',
    told: /hooks\/post-merge .*was changed/,
    act: ({ hooks, elsewhere, arm }) => {
      arm(join(elsewhere, 'evil'))
      rmSync(join(hooks, 'post-merge'))
      symlinkSync(join(elsewhere, 'evil'), join(hooks, 'post-merge'))
    },
  },
  {
    what: 'a hook in whose place is a folder',
    told: /hooks\/pre-commit .*was changed/,
    act: ({ hooks, arm }) => {
      rmSync(join(hooks, 'pre-commit'))
      arm(join(hooks, 'pre-commit/inside'))
    },
  },
  {
    what: 'a hook in whose place is a named pipe',
    told: /hooks\/pre-commit .*was changed/,
    act: ({ hooks }) => {
      rmSync(join(hooks, 'pre-commit'))
      execFileSync('mkfifo', [join(hooks, 'pre-commit')])
    },
  },
  {
    what: 'a large hook that came',
    told: /hooks\/post-commit .*came while/,
    act: ({ hooks, evil }) => {
      writeFiles(hooks, { 'post-commit': `${evil}${'#\n'.repeat(100_000)}` })
      chmodSync(join(hooks, 'post-commit'), 0o755)
    },
  },
  {
    what: 'a large hook that was changed',
    told: /hooks\/pre-push .*was changed.*too large to be kept/,
    act: ({ hooks, arm }) => arm(join(hooks, 'pre-push')),
    isLost: true,
  },
  {
    what: 'a large hook that may be run no more',
    told: /The rights of .*hooks\/pre-push/,
    act: ({ hooks }) => chmodSync(join(hooks, 'pre-push'), 0o644),
  },
  {
    what: 'a large hook that was deleted',
    told: /hooks\/pre-push .*was deleted.*too large to be kept/,
    act: ({ hooks }) => rmSync(join(hooks, 'pre-push')),
    isLost: true,
  },
  {
    what: 'what a hook uses, changed',
    told: /hooks\/lib\/common\.sh .*was changed/,
    act: ({ hooks, evil }) => writeFiles(hooks, { 'lib/common.sh': evil }),
  },
  {
    what: 'a folder of hooks in whose place is a link',
    told: /\.git\/hooks .*was changed/,
    act: ({ hooks, elsewhere, arm }) => {
      renameSync(hooks, join(elsewhere, 'moved'))
      arm(join(elsewhere, 'hooks/post-commit'))
      symlinkSync(join(elsewhere, 'hooks'), hooks)
    },
    isLost: true,
  },
  {
    what: 'a folder of hooks that is gone',
    told: /\.git\/hooks .*was deleted/,
    act: ({ hooks }) => rmSync(hooks, { recursive: true }),
    isLost: true,
  },
  {
    what: 'two hundred hooks',
    told: /further files that steer git/,
    act: ({ hooks, arm }) => {
      for (let n = 0; n < 200; n++) arm(join(hooks, `h${n}`))
      arm(join(hooks, 'post-commit'))
    },
  },
  {
    what: 'attributes that came',
    told: /info\/attributes .*came while/,
    act: ({ gitDir }) => writeFiles(gitDir, { 'info/attributes': '* filter=x\n' }),
  },
  {
    what: 'attributes that are a named pipe',
    told: /info\/attributes .*came while/,
    act: ({ gitDir }) => execFileSync('mkfifo', [join(gitDir, 'info/attributes')]),
  },
  {
    what: 'grafts that were changed',
    told: /info\/grafts .*was changed/,
    act: ({ gitDir }) => writeFiles(gitDir, { 'info/grafts': '# other\n' }),
  },
  {
    what: 'further objects that were taken away',
    told: /objects\/info\/alternates .*was deleted/,
    act: ({ gitDir }) => rmSync(join(gitDir, 'objects/info/alternates')),
  },
  {
    what: 'a folder info that leads elsewhere',
    told: /\.git\/info .*was changed/,
    act: ({ gitDir, elsewhere }) => {
      renameSync(join(gitDir, 'info'), join(elsewhere, 'moved'))
      writeFiles(elsewhere, { 'info/attributes': '* filter=x\n' })
      symlinkSync(join(elsewhere, 'info'), join(gitDir, 'info'))
    },
  },
  {
    what: 'settings that others include',
    told: /\.git\/more .*was changed/,
    act: ({ gitDir, elsewhere }) => writeFiles(gitDir, { more: `[core]\n\thooksPath = ${elsewhere}\n` }),
  },
  {
    what: "a hook in the user's own folder of hooks inside the git folder",
    told: /mine\/hooks\/post-commit .*came while/,
    act: ({ gitDir, arm }) => arm(join(gitDir, 'mine/hooks/post-commit')),
  },
  {
    what: 'a folder above it that leads elsewhere',
    told: /\.git\/mine .*was changed/,
    act: ({ gitDir, elsewhere, arm }) => {
      arm(join(elsewhere, 'mine/hooks/post-commit'))
      renameSync(join(gitDir, 'mine'), join(elsewhere, 'moved'))
      symlinkSync(join(elsewhere, 'mine'), join(gitDir, 'mine'))
    },
  },
  {
    what: 'another folder of hooks by core.hooksPath',
    told: /Settings that steer git .*core\.hookspath/,
    act: ({ gitDir, arm }) => {
      arm(join(gitDir, 'other/post-commit'))
      git(gitDir, 'config', 'core.hooksPath', join(gitDir, 'other'))
    },
  },
]

/** A repository with hooks of the user, and what an agent needs to do harm there. */
function arranged(hooksPath?: string) {
  const repo = gitRepo({ 'a.txt': 'a\n' })
  const gitDir = join(repo, '.git')
  const hooks = join(gitDir, 'hooks')
  const elsewhere = tempFolder()
  const proof = join(elsewhere, 'proof')
  const evil = `#!/bin/sh\necho ran >>'${proof}'\n`
  const arm = (path: string) => {
    writeFiles(join(path, '..'), { [path.split('/').at(-1)!]: evil })
    chmodSync(path, 0o755)
  }
  writeFiles(gitDir, {
    'hooks/pre-commit': "#!/bin/sh\n# the user's\n",
    'hooks/commit-msg': '#!/bin/sh\nexit 1\n',
    'hooks/pre-push': LARGE,
    'hooks/lib/common.sh': '# common\n',
    'mine/hooks/pre-commit': "#!/bin/sh\n# the user's other one\n",
    'info/grafts': '# none\n',
    more: '[alias]\n\tx = status\n',
    'checks/all': '#!/bin/sh\n',
    'objects/info/alternates': `${tempFolder()}\n`,
  })
  chmodSync(join(gitDir, 'hooks/commit-msg'), 0o644)
  for (const name of ['hooks/pre-commit', 'hooks/pre-push', 'mine/hooks/pre-commit']) chmodSync(join(gitDir, name), 0o755)
  symlinkSync('../../scripts/merged', join(hooks, 'post-merge'))
  symlinkSync('../checks/all', join(hooks, 'pre-rebase'))
  git(repo, 'config', 'include.path', 'more')
  if (hooksPath) git(repo, 'config', 'core.hooksPath', hooksPath)
  return { repo, proof, given: { gitDir, hooks, elsewhere, evil, arm } satisfies Given }
}

for (const { kind, complexity, arrange } of KINDS)
  test.for(ACTS)(`$what, by an agent in a ${kind}, is put back or moved aside, told, and never run`, async ({ act, told, isLost }) => {
    const { repo, proof, given } = arranged(/mine/.test(told.source) ? '.git/mine/hooks' : undefined)
    const options = arrange(repo)
    const { workspaces } = workspacesOf(repo, options)
    const task = request({ complexity })
    const workspace = await workspaces.prepare(task)
    expect(workspace.kind).toBe(kind)
    const before = seen(given.gitDir)
    writeFiles(workspace.path, { 'b.txt': 'b\n' })
    act(given)
    const changed = seen(given.gitDir)
    // Git is not run where it would wait for a pipe.
    await workspaces.diffSoFar(workspace, task).catch(() => {})

    const report = await workspacesOf(repo, options).workspaces.collect(workspace, task, true)
    const said = report.remarks.join('\n')
    expect(said).toMatch(told)
    expect(said).not.toMatch(/are not as they were before the agent began/)
    expect(report.commits).toHaveLength(1)
    // As after a kill.
    expect((await workspaces.collect(workspace, task, true)).remarks).toEqual(report.remarks)
    await workspaces.cleanup(workspace, task, true)
    if (!isLost) expect(seen(given.gitDir)).toEqual(before)
    else for (const [path, is] of Object.entries(seen(given.gitDir))) expect(before[path]).toBe(is)
    expect(leftovers(repo)).toEqual([])

    writeFiles(repo, { 'c.txt': 'c\n' })
    git(repo, 'add', '-A')
    git(repo, 'commit', '-q', '-m', "the user's")
    expect(existsSync(proof)).toBe(false)

    const commands = [...said.matchAll(/`((?:mv|rm|chmod) [^`]+)`/g)]
    if (report.remarks.length === 1 && commands.length === 1) {
      execFileSync('sh', ['-c', commands[0]![1]!])
      expect(seen(given.gitDir)).toEqual(changed)
    }
  })

test('what is put back is told with a command that takes each change', async () => {
  const { repo, given } = arranged()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  given.arm(join(given.hooks, "it's new"))
  const { remarks } = await workspaces.collect(workspace, request(), true)
  execFileSync('sh', ['-c', /`(mv [^`]+)`/.exec(remarks.join())![1]!])
  expect(readFileSync(join(given.hooks, "it's new"), 'utf8')).toBe(given.evil)
})

test('hooks that git takes from the checkout are what the branch says, and those outside of the repository are only told of', async () => {
  const { repo, given } = arranged('.husky')
  const { workspaces } = workspacesOf(repo)
  const own = request({ complexity: 'minor' })
  const workspace = await workspaces.prepare(own)
  writeFiles(repo, { '.husky/pre-push': '#!/bin/sh\n' })
  expect((await workspaces.collect(workspace, own, true)).commits).toHaveLength(1)
  expect(git(repo, 'show', 'main:.husky/pre-push')).toBe('#!/bin/sh')
  await workspaces.cleanup(workspace, own, true)

  const outside = join(given.elsewhere, 'outside')
  mkdirSync(outside)
  git(repo, 'config', 'core.hooksPath', outside)
  const next = request({ id: '8' }, 'run_next00')
  const later = await workspaces.prepare(next)
  writeFiles(outside, { 'pre-push': '#!/bin/sh\n' })
  const { remarks } = await workspaces.collect(later, next, true)
  expect(remarks.join()).toContain(`Hooks in ${outside}, which git runs here, are not as they were before the agent began: pre-push.`)
  expect(existsSync(join(outside, 'pre-push'))).toBe(true)
})

test("what another agent's hook was, and is put back by its run, does not come back with this one's picture of it", async () => {
  const { repo, given } = arranged()
  const before = seen(given.gitDir)
  const { workspaces } = workspacesOf(repo)
  const [first, second] = [request({ id: '8' }, 'run_first0'), request({ id: '9' }, 'run_second')]
  const one = await workspaces.prepare(first)
  for (const name of ['post-commit', 'pre-commit', 'new/inside']) given.arm(join(given.hooks, name))
  rmSync(join(given.hooks, 'commit-msg'))
  chmodSync(join(given.hooks, 'lib/common.sh'), 0o777)
  // Its picture shows all of that.
  const two = await workspaces.prepare(second)
  expect((await workspaces.collect(one, first, true)).remarks.join('\n')).toMatch(/post-commit .*came while/)
  expect(seen(given.gitDir)).toEqual(before)
  await workspaces.cleanup(one, first, true)
  expect((await workspacesOf(repo).workspaces.collect(two, second, true)).remarks).toEqual([])
  expect(seen(given.gitDir)).toEqual(before)
  await workspaces.cleanup(two, second, true)
  expect(seen(given.gitDir)).toEqual(before)
  expect(leftovers(repo)).toEqual([])
})

test('a hook that was put back once and is changed again by the next attempt is put back again, and both are kept', async () => {
  const { repo, given } = arranged()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  const before = seen(given.gitDir)
  for (let twice = 0; twice < 2; twice++) {
    given.arm(join(given.hooks, 'pre-commit'))
    await workspaces.restore(workspace, request())
    expect(seen(given.gitDir)).toEqual(before)
  }
  const aside = join(given.gitDir, 'agent-runner.aside')
  const kept = readdirSync(aside, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('pre-commit'))
  expect(kept.map(name => readFileSync(join(aside, name), 'utf8'))).toEqual([given.evil, given.evil])
})

test('a folder for what is moved aside that the agent has led elsewhere is not used', async () => {
  const { repo, given } = arranged()
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(request())
  mkdirSync(join(given.elsewhere, 'led'))
  symlinkSync(join(given.elsewhere, 'led'), join(given.gitDir, 'agent-runner.aside'))
  given.arm(join(given.hooks, 'post-commit'))
  await workspaces.collect(workspace, request(), true)
  expect(readdirSync(join(given.elsewhere, 'led'))).toEqual([])
  expect(existsSync(join(given.hooks, 'post-commit'))).toBe(false)
})

const PROGRAM = join(import.meta.dirname, '..', 'support', 'put-back-program.ts')

test('killed before any of its steps and begun again, it comes out the same: all as it was, all of the agent kept', async () => {
  for (let step = 0, ended = false; !ended; step++) {
    const { repo, given } = arranged()
    const { gitDir, hooks, elsewhere, arm } = given
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    const before = seen(gitDir)
    const other = await workspaces.prepare(request({ id: '8' }, 'run_other0'))
    for (const name of ['post-commit', 'pre-commit', 'new/inside']) arm(join(hooks, name))
    rmSync(join(hooks, 'commit-msg'))
    rmSync(join(hooks, 'post-merge'))
    renameSync(join(hooks, 'lib'), join(elsewhere, 'lib'))
    chmodSync(join(hooks, 'pre-push'), 0o644)
    writeFiles(gitDir, { 'info/grafts': 'x\n' })
    const program = () => spawnSync(process.execPath, [PROGRAM, JSON.stringify(workspace), request().runId, String(step)])
    ended = program().status === 0
    // Killed once more, at the same step of what is left.
    if (!ended) program()
    const { remarks } = await workspaces.collect(workspace, request(), true)
    expect(remarks.map(remark => /\.git\/(\S+?),? /.exec(remark)?.[1])).toEqual([
      ...['commit-msg', 'lib', 'new', 'post-commit', 'post-merge', 'pre-commit', 'pre-push'].map(name => `hooks/${name}`),
      'info/grafts',
    ])
    expect(seen(gitDir), `after a kill before step ${step}`).toEqual(before)
    const aside = join(gitDir, 'agent-runner.aside')
    const kept = readdirSync(aside, { recursive: true, withFileTypes: true }).filter(one => one.isFile())
    const texts = kept.map(one => readFileSync(join(one.parentPath, one.name), 'utf8')).sort()
    expect(texts, `after a kill before step ${step}`).toEqual([given.evil, given.evil, given.evil, 'x\n'].sort())
    await workspaces.cleanup(workspace, request(), true)
    expect((await workspaces.collect(other, request({ id: '8' }, 'run_other0'), true)).remarks).toEqual([])
    expect(seen(gitDir)).toEqual(before)
    expect(step).toBeLessThan(100)
  }
})
