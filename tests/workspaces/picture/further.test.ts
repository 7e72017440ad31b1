import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../../support/git-repo.ts'
import { gitStarts } from '../../support/git-starts.ts'
import { tempFolder } from '../../support/temp.ts'
import { isKept, leftovers, request, rescueRefs, withoutWorktrees, workspacesOf } from '../../support/workspaces.ts'

/*
 * Worktrees, branches and tags that an agent makes, moves and deletes beside its work: each is told, and nothing in them is lost.
 */

function commitIn(path: string, file: string) {
  writeFiles(path, { [file]: `${file}\n` })
  git(path, 'add', '-A')
  git(path, 'commit', '-q', '-m', file)
}

/** What the end of a successful run of a major task says of what `work` did, twice the same. */
async function said(repo: string, work: (path: string) => void, options = {}) {
  const { workspaces } = workspacesOf(repo, options)
  const workspace = await workspaces.prepare(request())
  work(workspace.path)
  const report = await workspaces.collect(workspace, request(), true)
  expect((await workspaces.collect(workspace, request(), true)).remarks).toEqual(report.remarks)
  const { kept } = await workspaces.cleanup(workspace, request(), true)
  expect(leftovers(repo)).toEqual([])
  return { remarks: report.remarks.join('\n'), report, workspace, kept }
}

describe('a worktree that the agent makes', () => {
  test.each(['elsewhere', 'among ours', 'in its own'])('%s: is told, and what is uncommitted in it is kept', async where => {
    const repo = gitRepo({ '.gitignore': 'out/\n' })
    const elsewhere = join(tempFolder(), 'made')
    const { remarks } = await said(repo, path => {
      const made = where === 'elsewhere' ? elsewhere : where === 'among ours' ? join(path, '../made') : join(path, 'made')
      git(path, 'worktree', 'add', '-q', made, '-b', 'side')
      writeFiles(made, { 'open.txt': 'left open\n', 'out/ignored.txt': 'ignored\n' })
    })
    expect(remarks).toMatch(
      /The worktree \S*\/made \(on side\) came while the agent worked: open\.txt, out\/ignored\.txt are in no commit but kept in/,
    )
    expect(remarks).toContain('New branches came while the agent worked: side.')
    for (const text of ['left open\n', 'ignored\n']) expect(isKept(repo, text, [])).toBe(true)
  })

  test('with commits on no branch: they are kept', async () => {
    const repo = gitRepo()
    const made = join(tempFolder(), 'made')
    const { remarks } = await said(repo, path => {
      git(path, 'worktree', 'add', '-q', '--detach', made)
      commitIn(made, 'loose.txt')
    })
    expect(remarks).toMatch(
      /made \(on no branch\) came while the agent worked: its commits are on no branch but kept in refs\/agent-runner\//,
    )
    expect(isKept(repo, 'loose.txt\n', [])).toBe(true)
  })

  test('with settings or a repository of its own in it: git is not run there', async () => {
    const repo = gitRepo()
    git(repo, 'config', 'extensions.worktreeConfig', 'true')
    const made = join(tempFolder(), 'made')
    const other = join(tempFolder(), 'other')
    const { remarks } = await said(repo, path => {
      git(path, 'worktree', 'add', '-q', made, '-b', 'side')
      git(made, 'config', '--worktree', 'filter.x.clean', `touch ${made}/ran`)
      writeFiles(made, { '.gitattributes': '*.txt filter=x\n', 'a.txt': 'a\n' })
      git(path, 'worktree', 'add', '-q', other, '-b', 'further')
      rmSync(join(other, '.git'))
      gitRepo({ 'x.txt': 'x\n' }, other)
    })
    expect(remarks.match(/was not looked into, since git has other settings there/g)).toHaveLength(2)
    expect(existsSync(join(made, 'ran'))).toBe(false)
  })

  test('twelve times: ten are looked into, the others are counted', async () => {
    const repo = gitRepo()
    const folder = tempFolder()
    const { remarks } = await said(repo, path => {
      for (let n = 1; n <= 12; n++) git(path, 'worktree', 'add', '-q', join(folder, `made-${n}`), '-b', `side-${n}`)
    })
    expect(remarks.match(/has nothing uncommitted/g)).toHaveLength(10)
    expect(remarks).toContain('2 more worktrees came while the agent worked, and were not looked into:')
    expect(remarks).toMatch(/New branches came while the agent worked: .* and 7 more\./)
  })

  test('in a clone: is told, and what is in it comes into the repository', async () => {
    const repo = gitRepo()
    const made = join(tempFolder(), 'made')
    const { remarks, kept, workspace } = await said(
      repo,
      path => {
        git(path, 'worktree', 'add', '-q', made, '-b', 'side')
        writeFiles(made, { 'open.txt': 'left open\n' })
        git(path, 'tag', 'v1')
      },
      withoutWorktrees(repo),
    )
    expect(remarks).toMatch(
      /made \(on side\) belongs to the clone, which stays: open\.txt is in no commit but kept in refs\/agent-runner\//,
    )
    expect(remarks).toContain('New tags came while the agent worked: v1.')
    expect(isKept(repo, 'left open\n', [])).toBe(true)
    expect(kept).toBe(workspace.path)
  })
})

test('a worktree of the user that goes while the agent works is told; one that stays is not', async () => {
  const repo = gitRepo()
  const folder = tempFolder()
  git(repo, 'worktree', 'add', '-q', join(folder, 'goes'), '-b', 'goes')
  git(repo, 'worktree', 'add', '-q', join(folder, 'stays'), '-b', 'stays')
  const { remarks } = await said(repo, () => void git(repo, 'worktree', 'remove', join(folder, 'goes')))
  expect(remarks).toBe(`Worktrees went while the agent worked: ${join(folder, 'goes')}.`)
})

test('tags and replacements that come, move and go are told, and what they held is kept', async () => {
  const repo = gitRepo()
  git(repo, 'checkout', '-q', '--detach')
  for (const name of ['moves', 'goes', 'annotated']) {
    commitIn(repo, `${name}.txt`)
    git(repo, 'tag', ...(name === 'annotated' ? ['-a', '-m', name] : []), name)
    git(repo, 'checkout', '-q', '--detach', 'main')
  }
  git(repo, 'tag', 'stays')
  git(repo, 'tag', '-a', '-m', 'release notes', 'released', 'main')
  const object = git(repo, 'rev-parse', 'released')
  git(repo, 'pack-refs', '--all')
  git(repo, 'checkout', '-q', 'main')
  const { remarks } = await said(repo, path => {
    git(path, 'tag', '-f', 'moves', 'main')
    git(path, 'tag', '-d', 'goes', 'annotated', 'released')
    git(path, 'tag', '-a', '-m', 'new', 'new')
    git(path, 'replace', git(path, 'rev-parse', 'main'), git(path, 'commit-tree', '-m', 'other', 'main^{tree}'))
  })
  expect(remarks).toMatch(/The tag moves moved from \w+ to \w+ while the agent worked; what it held is kept in/)
  for (const name of ['goes', 'annotated'])
    expect(remarks).toMatch(new RegExp(`The tag ${name} \\(\\w{12}\\) was deleted while the agent worked; what it held is kept in`))
  expect(remarks).toContain('New tags came while the agent worked: new.')
  expect(remarks).toContain('New replacements came while the agent worked:')
  expect(remarks).not.toContain('stays')
  const [, ref] = new RegExp(`The tag released \\(${object.slice(0, 12)}\\) was deleted .* is kept in (refs/agent-runner/[^.\\s]+)`).exec(
    remarks,
  )!
  expect(git(repo, 'rev-parse', ref!)).toBe(object)
  for (const name of ['moves', 'goes', 'annotated']) expect(isKept(repo, `${name}.txt\n`, [])).toBe(true)
})

test('many deleted branches are told with a count, and all are kept', async () => {
  const repo = gitRepo()
  for (let n = 1; n <= 13; n++) git(repo, 'branch', `old-${n}`, git(repo, 'commit-tree', '-p', 'main', '-m', `old ${n}`, 'main^{tree}'))
  const { remarks } = await said(repo, path => {
    for (let n = 1; n <= 13; n++) git(path, 'branch', '-q', '-D', `old-${n}`)
  })
  expect(remarks.match(/was deleted while the agent worked; what it held is kept in/g)).toHaveLength(10)
  expect(remarks).toMatch(/3 more moved or were deleted while the agent worked: branch old-\d+, branch old-\d+, branch old-\d+\./)
  expect(rescueRefs(repo)).toHaveLength(13)
})

test('deleted refs by the hundred cost no more git commands than a few', async () => {
  const counts: number[] = []
  for (const refs of [2, 300]) {
    const repo = gitRepo()
    const input = Array.from({ length: refs }, (_, n) => {
      const sha = n < 20 ? git(repo, 'commit-tree', '-p', 'main', '-m', `old ${n}`, 'main^{tree}') : git(repo, 'rev-parse', 'main')
      return `create refs/heads/old-${n} ${sha}\n`
    })
    execFileSync('git', ['update-ref', '--stdin'], { cwd: repo, input: input.join('') })
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    execFileSync('git', ['update-ref', '--stdin'], { cwd: repo, input: input.map(line => line.replace('create', 'delete')).join('') })
    const starts = await gitStarts(() => workspaces.collect(workspace, request(), true))
    counts.push(starts.length)
    expect(rescueRefs(repo)).toHaveLength(Math.min(refs, 20))
  }
  expect(counts[1]).toBe(counts[0])
})

test('a branch with a name like those of ours is told too', async () => {
  const { remarks } = await said(gitRepo(), path => void git(path, 'branch', 'feature/task-77'))
  expect(remarks).toBe('New branches came while the agent worked: feature/task-77.')
})

test('what other runs did is theirs, also when they began and ended meanwhile, or left their worktree', async () => {
  const repo = gitRepo()
  git(repo, 'branch', 'fix')
  const { workspaces } = workspacesOf(repo)
  const own = await workspaces.prepare(request())
  const others = [request({ id: '8' }, 'run_8'), request({ id: '9', branch: 'fix' }, 'run_9'), request({ id: '10' }, 'run_10')]
  for (const [at, other] of others.entries()) {
    const workspace = await workspaces.prepare(other)
    commitIn(workspace.path, `${at}.txt`)
    const success = at < 2
    await workspaces.collect(workspace, other, success)
    await workspaces.cleanup(workspace, other, success)
  }
  const working = await workspaces.prepare(request({ id: '11' }, 'run_11'))
  commitIn(working.path, 'working.txt')
  expect((await workspaces.collect(own, request(), true)).remarks).toEqual([])
  await workspaces.cleanup(own, request(), true)
  await workspaces.cleanup(working, request({ id: '11' }, 'run_11'), true)
  expect(leftovers(repo)).toEqual([])
})

test('a line about another run that was cut by a kill costs no other line', async () => {
  const repo = gitRepo()
  const { workspaces } = workspacesOf(repo)
  const own = await workspaces.prepare(request())
  for (const id of ['8', '9']) {
    const other = request({ id }, `run_${id}`)
    const workspace = await workspaces.prepare(other)
    commitIn(workspace.path, `${id}.txt`)
    await workspaces.collect(workspace, other, true)
    await workspaces.cleanup(workspace, other, true)
    const notes = readdirSync(join(repo, '.git')).find(name => name.endsWith('.others'))
    appendFileSync(join(repo, '.git', notes!), '{"path":"/somewhere","bran')
  }
  expect((await workspaces.collect(own, request(), true)).remarks).toEqual([])
  await workspaces.cleanup(own, request(), true)
  expect(leftovers(repo)).toEqual([])
})
