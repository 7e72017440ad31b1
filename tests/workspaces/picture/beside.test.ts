import { chmodSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../../support/git-repo.ts'
import { tempFolder } from '../../support/temp.ts'
import { isKept, leftovers, request, rescueRefs, workspacesOf } from '../../support/workspaces.ts'

const FILES = { 'a.txt': 'a\n', '.gitignore': 'out/\n' }

/** What the end of a successful run says of what `work` did, twice the same. */
async function remarksOf(repo: string, work: (path: string) => void, complexity: 'major' | 'minor' = 'major') {
  const task = request({ complexity })
  const { workspaces } = workspacesOf(repo)
  const workspace = await workspaces.prepare(task)
  work(workspace.path)
  const report = await workspaces.collect(workspace, task, true)
  // As after a kill: the picture of before is on the disk.
  expect((await workspacesOf(repo).workspaces.collect(workspace, task, true)).remarks).toEqual(report.remarks)
  const end = await workspaces.cleanup(workspace, task, true)
  expect(leftovers(repo)).toEqual([])
  return { said: report.remarks.join('\n'), report, end, workspace }
}

function commitIn(path: string, file: string) {
  writeFiles(path, { [file]: `${file}\n` })
  git(path, 'add', '-A')
  git(path, 'commit', '-q', '-m', file)
}

test('a run that does nothing beside its branch is told of nothing', async () => {
  const repo = gitRepo(FILES)
  writeFiles(repo, { 'b.txt': "the user's\n", 'out/x': 'ignored\n' })
  git(repo, 'stash', '-u', '-q')
  writeFiles(repo, { 'b.txt': "the user's\n" })
  const { said, report } = await remarksOf(repo, path => commitIn(path, 'c.txt'))
  expect(said).toBe('')
  expect(report.rescued).toEqual([])
})

describe.each(['major', 'minor'] as const)('a %s task', complexity => {
  test('whose work is left in git stash, untracked files too, has it kept and says so', async () => {
    const repo = gitRepo(FILES)
    const { said, report } = await remarksOf(
      repo,
      path => {
        writeFiles(path, { 'a.txt': 'stashed\n', 'new.txt': 'stashed and new\n' })
        git(path, 'stash', '-u', '-q')
      },
      complexity,
    )
    expect(said).toMatch(/Work came into `git stash` while the agent worked.* kept in refs\/agent-runner\//)
    expect(report.rescued).toHaveLength(1)
    for (const text of ['stashed\n', 'stashed and new\n']) expect(isKept(repo, text, [])).toBe(true)
    expect(git(repo, 'stash', 'list').split('\n')).toHaveLength(1)
  })

  test("that drops the user's stash has it kept and says so", async () => {
    const repo = gitRepo(FILES)
    writeFiles(repo, { 'a.txt': 'stashed by the user\n' })
    git(repo, 'stash', '-q')
    const { said } = await remarksOf(repo, path => void git(path, 'stash', 'clear'), complexity)
    expect(said).toMatch(/was in `git stash` before the agent began is not all there any more; it is kept in/)
    expect(isKept(repo, 'stashed by the user\n', [])).toBe(true)
  })

  test("that deletes or rewrites another branch has the branch's commits kept and says so", async () => {
    const repo = gitRepo(FILES)
    for (const name of ['one', 'two']) {
      git(repo, 'checkout', '-q', '-b', name, 'main')
      commitIn(repo, `${name}.txt`)
    }
    git(repo, 'checkout', '-q', 'main')
    const { said } = await remarksOf(
      repo,
      path => {
        git(path, 'branch', '-q', '-D', 'one')
        git(path, 'branch', '-q', '-f', 'two', 'main')
      },
      complexity,
    )
    expect(said).toMatch(/The branch one was deleted while the agent worked; what it held is kept in/)
    expect(said).toMatch(/The branch two moved from .* while the agent worked; what it held is kept in/)
    for (const name of ['one', 'two']) expect(isKept(repo, `${name}.txt\n`, [])).toBe(true)
  })

  test('that leaves commits on a branch of another name says so', async () => {
    const repo = gitRepo(FILES)
    const { said } = await remarksOf(
      repo,
      path => {
        const was = git(path, 'symbolic-ref', '--short', 'HEAD')
        git(path, 'checkout', '-q', '-b', 'elsewhere')
        commitIn(path, 'elsewhere.txt')
        git(path, 'checkout', '-q', was)
      },
      complexity,
    )
    expect(said).toMatch(/New branches came while the agent worked: elsewhere\./)
  })

  test.each<[string, (repo: string) => void, RegExp]>([
    ['settings', repo => git(repo, 'remote', 'add', 'mine', '/nowhere'), /config \(remote\.mine\.url, remote\.mine\.fetch\)/],
    ['excludes', repo => writeFileSync(join(repo, '.git/info/exclude'), 'a\n'), /info\/exclude/],
    ['further objects', repo => writeFileSync(join(repo, '.git/objects/info/alternates'), '/nowhere\n'), /objects\/info\/alternates/],
    ['what a hook leads to', repo => writeFileSync(join(repo, 'lint.sh'), 'exit 1\n'), /hooks\/commit-msg/],
  ])('that changes the %s of the repository says so', async (_, change, expected) => {
    const repo = gitRepo({ ...FILES, 'lint.sh': 'exit 0\n' })
    symlinkSync('../../lint.sh', join(repo, '.git/hooks/commit-msg'))
    const { said } = await remarksOf(repo, () => change(repo), complexity)
    expect(said).toMatch(/git settings are not as they were before the agent began/)
    expect(said).toMatch(expected)
  })

  test('that takes the rights of a hook, and one that pushes, are told apart', async () => {
    const repo = gitRepo(FILES)
    writeFiles(repo, { '.git/hooks/pre-push': '#!/bin/sh\n' })
    chmodSync(join(repo, '.git/hooks/pre-push'), 0o755)
    const bare = join(tempFolder(), 'bare.git')
    git(repo, 'clone', '-q', '--bare', '.', bare)
    git(repo, 'remote', 'add', 'origin', bare)
    // `push -u` writes into the configuration, as it is meant to.
    expect((await remarksOf(repo, path => void git(path, 'push', '-q', '-u', 'origin', 'HEAD'), complexity)).said).toBe('')
    const { said } = await remarksOf(repo, () => chmodSync(join(repo, '.git/hooks/pre-push'), 0o644), complexity)
    expect(said).toMatch(/The rights of .*hooks\/pre-push/)
  })
})

describe('an agent in a worktree that writes into the main checkout', () => {
  test.each<[string, (repo: string) => void, string]>([
    ['a new file', repo => writeFiles(repo, { 'new.txt': 'n\n' }), 'new.txt'],
    ['a tracked file', repo => writeFiles(repo, { 'a.txt': 'changed\n' }), 'a.txt'],
    ['a file that the user had changed', repo => writeFiles(repo, { 'users.txt': 'by the agent!\n' }), 'users.txt'],
    ['over what the user had changed', repo => rmSync(join(repo, 'users.txt')), 'users.txt'],
    ['an ignored file', repo => writeFiles(repo, { 'out/report.md': 'r\n' }), 'out/report.md'],
    ['an ignored file that was there', repo => writeFiles(repo, { 'out/there.txt': 'other\n' }), 'out/there.txt'],
  ])('%s: is told', async (_, write, path) => {
    const repo = gitRepo(FILES)
    writeFiles(repo, { 'users.txt': 'mine\n', 'out/there.txt': 'there\n' })
    const { said } = await remarksOf(repo, () => write(repo))
    expect(said).toContain(`Not as it was before the agent began, in the repository's own checkout ${repo}: ${path}.`)
  })

  test('and commits there, or leaves it on another branch: is told', async () => {
    const repo = gitRepo(FILES)
    expect((await remarksOf(repo, () => commitIn(repo, 'm.txt'))).said).toMatch(/^The branch main moved from/)
    const { said } = await remarksOf(repo, () => void git(repo, 'checkout', '-q', '-b', 'side'))
    expect(said).toContain('was on main before the agent began, and is on side now')
  })

  test('while another agent works in place there: its changes are its own', async () => {
    const repo = gitRepo(FILES)
    const { workspaces } = workspacesOf(repo, { inPlaceHeldBy: () => 'dev_002' })
    const workspace = await workspaces.prepare(request())
    commitIn(repo, 'm.txt')
    writeFiles(repo, { 'n.txt': 'n\n' })
    expect((await workspaces.collect(workspace, request(), true)).remarks).toEqual([])
  })

  test('other runs of the repository are not told of each other', async () => {
    const repo = gitRepo(FILES)
    const { workspaces } = workspacesOf(repo)
    const other = request({ id: '8', branch: 'fix' }, 'run_8')
    const before = await workspaces.prepare(other)
    const workspace = await workspaces.prepare(request())
    commitIn(before.path, 'o.txt')
    const third = await workspaces.prepare(request({ id: '9' }, 'run_9'))
    commitIn(third.path, 'p.txt')
    expect((await workspaces.collect(workspace, request(), true)).remarks).toEqual([])
  })
})

test('in place, ignored files that the agent made, changed or deleted are told', async () => {
  const repo = gitRepo(FILES)
  writeFiles(repo, { 'out/changed': 'c\n', 'out/gone': 'g\n', 'out/same': 's\n' })
  const { said } = await remarksOf(
    repo,
    () => {
      writeFiles(repo, { 'out/changed': 'other\n', 'out/new': 'n\n', 'out/node_modules/x.js': 'x\n' })
      rmSync(join(repo, 'out/gone'))
    },
    'minor',
  )
  expect(said).toBe('Ignored files that came, changed or went while the agent worked: out/changed, out/new, out/gone.')
  expect(rescueRefs(repo)).toEqual([])
})
