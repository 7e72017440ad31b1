import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rescueCommand } from '../../src/cli/rescue.ts'
import { openRunFiles } from '../../src/machine/journal/run-files.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { runnerStage } from '../support/runner-stage.ts'
import { tempFolder } from '../support/temp.ts'
import { unfinished } from '../support/unfinished.ts'
import { request, withoutWorktrees, workspacesOf } from '../support/workspaces.ts'
import { capture } from './capture.ts'

const RUN = 'run_01jd2x8k3vfz7s9q4m5n6p7r8t'

/** A state folder and a repository, and `rescue` as it is typed there. */
function stage(repo = gitRepo(), home = tempFolder('agent-runner-home-')) {
  const env = { HEADLESS_PM_HOME: home, HOME: home, PATH: process.env.PATH ?? '' }
  const rescue = (...args: string[]) => capture(rescueCommand, ['rescue', ...args], { cwd: repo, env })
  const json = async (...args: string[]) => JSON.parse((await rescue(...args, '--json')).out)
  const result = (runId: string, more: Record<string, unknown> = {}) => {
    const known = { run_id: runId, agent_id: 'dev_001', task_id: '7', title: 'Add a greeting', reason: 'timed_out', status: 'pending' }
    const rest = { branch: 'b', kept: null, rescued: [], finished_at: '2026-07-06T12:00:00Z', cost_usd: 0, duration_ms: 1 }
    openRunFiles(home).write(runId, 'result.json', JSON.stringify({ ...known, ...rest, ...more }))
  }
  return { repo, home, rescue, json, result, git: (...args: string[]) => git(repo, ...args) }
}

/** What a failed task in place leaves: its changes under the run's first ref, and a clean checkout. */
async function failedInPlace(repo: string, files: Record<string, string>, runId = RUN): Promise<void> {
  const { workspaces } = workspacesOf(repo)
  const ask = request({ complexity: 'minor' }, runId)
  const workspace = await workspaces.prepare(ask)
  writeFiles(repo, files)
  await workspaces.collect(workspace, ask, false)
  await workspaces.cleanup(workspace, ask, false)
}

/** What a failed task in a worktree leaves: the worktree. */
async function failedInWorktree(repo: string, files: Record<string, string>, runId = RUN): Promise<string> {
  const { workspaces } = workspacesOf(repo)
  const ask = request({}, runId)
  const workspace = await workspaces.prepare(ask)
  writeFiles(workspace.path, files)
  return (await workspaces.cleanup(workspace, ask, false)).kept ?? ''
}

/** Everything that a look or a restore must leave alone. */
const untouched = (repo: string) => ({
  status: git(repo, 'status', '--porcelain', '--branch'),
  branches: git(repo, 'for-each-ref', 'refs/heads'),
  kept: git(repo, 'for-each-ref', 'refs/agent-runner'),
  index: readFileSync(join(repo, '.git', 'index')).toString('base64'),
})

test('where nothing is kept the list says so', async () => {
  const { rescue, json } = stage()
  expect((await rescue('list')).out).toContain('Nothing is kept')
  expect(await json('list')).toMatchObject({ version: 1, kept: [] })
})

test('the list tells ref, run, task, agent, reason, time and files', async () => {
  const { repo, json, rescue, result } = stage()
  await failedInPlace(repo, { 'greet.ts': 'hello\n', 'README.md': '# changed\n' })
  result(RUN)
  const { kept } = await json('list')
  expect(kept).toEqual([
    expect.objectContaining({
      ...{ kind: 'ref', name: `${RUN}/1`, ref: `refs/agent-runner/${RUN}/1`, run_id: RUN, agent_id: 'dev_001', task_id: '7' },
      ...{ task_title: 'Add a greeting', reason: 'timed_out', unfinished: false, files: ['README.md', 'greet.ts'] },
    }),
  ])
  expect(Date.now() - Date.parse(kept[0].at)).toBeLessThan(60_000)
  const page = (await rescue('list')).out
  for (const part of ['Add a greeting', 'the deadline passed', '2 files: README.md, greet.ts', `${RUN}/1`]) expect(page).toContain(part)
})

test('work of runs that the state folder has forgotten is listed with what git knows', async () => {
  const { repo, json } = stage()
  await failedInPlace(repo, { 'greet.ts': 'hello\n' })
  const [piece] = (await json('list')).kept
  expect(piece).toMatchObject({ run_id: RUN, task_title: null, reason: null, files: ['greet.ts'] })
})

test('a left worktree is listed with its uncommitted files; one of an unfinished run is not', async () => {
  const { repo, home, json, result } = stage()
  const kept = await failedInWorktree(repo, { 'a.txt': 'a\n', 'sub/b.txt': 'b\n' })
  const [piece] = (await json('list')).kept
  expect(piece).toMatchObject({ kind: 'worktree', path: kept, branch: 'feature/task-7', run_id: null, files: ['a.txt', 'sub/b.txt'] })
  result(RUN, { kept })
  expect((await json('list')).kept[0]).toMatchObject({ run_id: RUN, task_title: 'Add a greeting' })
  const place = { kind: 'worktree', repo, path: kept, branch: 'b', base: null, startTree: null } as const
  unfinished(home, 'dev_001', RUN, { workspace: { ...place, dirtyAtStart: [], continued: false, fallback: null } })
  expect((await json('list')).kept).toEqual([])
})

test('a worktree that a run left in another repository is found too, and restored there', async () => {
  const other = gitRepo()
  const kept = await failedInWorktree(other, { 'a.txt': 'a\n' })
  const { json, result, repo } = stage()
  result(RUN, { kept })
  expect((await json('list')).kept).toMatchObject([{ path: kept, run_id: RUN }])
  await json('restore', RUN, '--branch', 'saved')
  expect(git(other, 'show', 'saved:a.txt')).toBe('a')
  expect(git(repo, 'branch', '--list', 'saved')).toBe('')
})

test('a folder that git knows nothing of any more is listed, and said to be one when it is to be restored', async () => {
  const { repo, json, rescue } = stage()
  const folder = join(repo, '.worktrees', 'task-9')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'precious.txt'), 'x')
  expect((await json('list')).kept).toMatchObject([{ kind: 'worktree', path: folder, files: [] }])
  expect((await rescue('list')).out).toContain('git knows nothing of')
  await expect(rescue('restore', folder, '--branch', 'saved')).rejects.toMatchObject({
    code: 'USAGE',
    advice: expect.stringContaining('copy'),
  })
  expect(existsSync(join(folder, 'precious.txt'))).toBe(true)
})

test('show tells the files with their lines; --patch prints a patch that applies, binary files too, and nothing else', async () => {
  const { repo, rescue, json } = stage()
  await failedInPlace(repo, { 'greet.ts': 'hello\nworld\n', 'data.bin': 'a\0b\0c', 'with space.txt': 'é\n' })
  const { kept } = await json('show', RUN)
  expect(kept[0].files).toEqual([
    { path: 'data.bin', added: null, removed: null },
    { path: 'greet.ts', added: 2, removed: 0 },
    { path: 'with space.txt', added: 1, removed: 0 },
  ])
  expect((await rescue('show', `${RUN}/1`)).out).toMatch(/\+2 −0 {2}greet\.ts/)
  const patch = join(tempFolder(), 'work.patch')
  writeFileSync(patch, (await rescue('show', RUN, '--patch')).out)
  git(repo, 'apply', patch)
  expect(readFileSync(join(repo, 'greet.ts'), 'utf8')).toBe('hello\nworld\n')
  expect(readFileSync(join(repo, 'data.bin'), 'utf8')).toBe('a\0b\0c')
})

test('looking changes nothing: no checkout, no branch, no ref, no index', async () => {
  const { repo, rescue } = stage()
  await failedInPlace(repo, { 'greet.ts': 'hello\n' })
  const kept = await failedInWorktree(repo, { 'a.txt': 'a\n' }, `${RUN}x`)
  const before = [untouched(repo), git(kept, 'status', '--porcelain')]
  for (const args of [['list'], ['show', RUN], ['show', RUN, '--patch'], ['show', kept], ['show', kept, '--patch']]) await rescue(...args)
  expect([untouched(repo), git(kept, 'status', '--porcelain')]).toEqual(before)
})

test('restore puts a ref on a new branch and touches nothing else', async () => {
  const { repo, json, rescue } = stage()
  await failedInPlace(repo, { 'greet.ts': 'hello\n' })
  writeFileSync(join(repo, 'README.md'), 'my own change\n')
  git(repo, 'status')
  const before = untouched(repo)
  expect((await rescue('restore', RUN, '--branch', 'saved/it')).out).toContain('switch saved/it')
  expect(git(repo, 'show', 'saved/it:greet.ts')).toBe('hello')
  expect(git(repo, 'rev-parse', 'saved/it~1')).toBe(git(repo, 'rev-parse', 'main'))
  git(repo, 'update-ref', '-d', 'refs/heads/saved/it')
  expect(untouched(repo)).toEqual(before)
  await rescue('restore', `refs/agent-runner/${RUN}/1`, '--branch', 'saved')
  expect((await json('list')).kept[0]).toMatchObject({ restored_to: ['saved'], files: ['greet.ts'] })
})

test('restore takes what is uncommitted in a worktree and leaves the worktree as it is, staged files staged', async () => {
  const { repo, rescue } = stage()
  const kept = await failedInWorktree(repo, { 'a.txt': 'a\n', '.gitignore': 'ignored\n', ignored: 'x' })
  git(kept, 'add', 'a.txt')
  const before = git(kept, 'status', '--porcelain')
  const head = git(kept, 'rev-parse', 'HEAD')
  await rescue('restore', kept, '--branch', 'saved')
  expect(git(repo, 'ls-tree', '-r', '--name-only', 'saved').split('\n')).toEqual(['.gitignore', 'README.md', 'a.txt'])
  expect(git(repo, 'rev-parse', 'saved~1')).toBe(head)
  expect([git(kept, 'status', '--porcelain'), git(kept, 'rev-parse', 'HEAD')]).toEqual([before, head])
})

test('a branch that is there is refused and stays where it is; so is what git takes for no branch', async () => {
  const { repo, rescue } = stage()
  await failedInPlace(repo, { 'greet.ts': 'hello\n' })
  const before = untouched(repo)
  await expect(rescue('restore', RUN, '--branch', 'main')).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('main is there already'),
  })
  for (const name of ['-D', 'a b', '@{-1}', 'x.lock', ''])
    await expect(rescue('restore', RUN, `--branch=${name}`), name).rejects.toMatchObject({ code: 'USAGE' })
  expect(untouched(repo)).toEqual(before)
})

test('a run with several pieces is shown whole, and restored only piece by piece', async () => {
  const { repo, rescue, json } = stage()
  await failedInPlace(repo, { 'one.ts': '1\n' })
  await failedInPlace(repo, { 'two.ts': '2\n' })
  expect((await json('show', RUN)).kept.map((piece: { name: string }) => piece.name).sort()).toEqual([`${RUN}/1`, `${RUN}/2`])
  for (const args of [
    ['restore', RUN, '--branch', 'saved'],
    ['show', RUN, '--patch'],
  ])
    await expect(rescue(...args)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(`${RUN}/2`) })
  await rescue('restore', `${RUN}/2`, '--branch', 'saved')
  expect(git(repo, 'show', 'saved:two.ts')).toBe('2')
})

test('a run whose worktree holds the same as its ref is restored without asking which', async () => {
  const { repo, rescue, result } = stage()
  const kept = await failedInWorktree(repo, { 'a.txt': 'a\n' })
  result(RUN, { kept })
  const { sha } = JSON.parse((await rescue('restore', kept, '--branch', 'first', '--json')).out)
  git(repo, 'update-ref', `refs/agent-runner/${RUN}/1`, sha)
  git(repo, 'update-ref', '-d', 'refs/heads/first')
  await rescue('restore', RUN, '--branch', 'saved')
  expect(git(repo, 'show', 'saved:a.txt')).toBe('a')
})

test('a name that means nothing is refused', async () => {
  const { repo, rescue } = stage()
  await failedInPlace(repo, { 'greet.ts': 'hello\n' })
  for (const word of ['nobody', `${RUN}/9`, '../etc', '']) await expect(rescue('show', word), word).rejects.toMatchObject({ code: 'USAGE' })
  expect((await rescue('show', '4m5n6p7r8t')).out).toContain('greet.ts')
})

test('names of files cannot forge what is seen', async () => {
  const { repo, rescue } = stage()
  await failedInPlace(repo, { 'evil\u001b[2Jname\u202e.ts': 'x\n' })
  for (const args of [['list'], ['show', RUN]]) expect((await rescue(...args)).out).not.toMatch(/(?!\n)\p{Cc}|\u202e/u)
})

test('what a whole failed run leaves can be saved with one command', async () => {
  const stage1 = await runnerStage(
    `echo work > made.txt; echo '{"type":"result","subtype":"error_during_execution","is_error":true}'; exit 1`,
    {
      env: { HEADLESS_PM_MAX_ATTEMPTS: '1' },
    },
  )
  await stage1.board.addTask({ title: 'Make it', role: 'backend_dev', complexity: 'minor' })
  const { exitCode } = await stage1.run()
  expect(exitCode).toBe(10)
  const { json } = stage(stage1.repo, stage1.home)
  const { kept } = await json('list')
  expect(kept).toMatchObject([{ kind: 'ref', task_title: 'Make it', reason: 'crashed', files: ['made.txt'] }])
  await json('restore', 'dev_001', '--branch', 'saved')
  expect(stage1.git('show', 'saved:made.txt')).toBe('work')
  rmSync(join(stage1.home, 'runs'), { recursive: true })
  expect((await json('list')).kept).toMatchObject([{ task_title: null, restored_to: ['saved'] }])
})

test('a clone that a failed task has left is listed though no result names it, and its branch is made in the repository', async () => {
  const { repo, home, json, rescue } = stage()
  const { workspaces } = workspacesOf(repo, { ...withoutWorktrees(repo), stateFolder: home })
  const workspace = await workspaces.prepare(request())
  writeFiles(workspace.path, { 'a.txt': 'in the clone\n', 'new.txt': 'new\n' })
  mkdirSync(join(workspace.path, '..', `.going-${RUN}`))
  const before = untouched(repo)
  const kept = (await json('list')).kept.filter((piece: { kind: string }) => piece.kind === 'worktree')
  expect(kept).toMatchObject([
    { path: workspace.path, clone_of: join(repo, '.git'), branch: 'feature/task-7', files: ['a.txt', 'new.txt'] },
  ])
  expect((await rescue('list')).out).toContain('clone of')
  expect(untouched(repo)).toEqual(before)
  const restored = await json('restore', workspace.path, '--branch', 'again')
  expect(restored).toMatchObject({ branch: 'again', repo, remarks: [] })
  expect(git(repo, 'show', 'again:new.txt')).toBe('new')
  expect(git(repo, 'show', 'again:a.txt')).toBe('in the clone')
  git(repo, 'fsck', '--strict')
  expect(git(workspace.path, 'for-each-ref', 'refs/agent-runner-restore')).toBe('')
  expect(git(workspace.path, 'status', '--porcelain')).not.toBe('')
})

test('a clone whose repository is gone is listed, and cannot be restored there', async () => {
  const { home, json } = stage()
  const other = gitRepo()
  const { workspaces } = workspacesOf(other, { ...withoutWorktrees(other), stateFolder: home })
  const { path } = await workspaces.prepare(request())
  writeFiles(path, { 'new.txt': 'new\n' })
  rmSync(other, { recursive: true })
  expect((await json('list')).kept).toMatchObject([{ path, files: ['new.txt'] }])
  await expect(json('restore', path, '--branch', 'again')).rejects.toMatchObject({ code: 'USAGE' })
})

test('a worktree in the state folder is listed though no result names it', async () => {
  const { repo, home, json } = stage()
  writeFileSync(join(repo, '.worktrees'), 'a file\n')
  git(repo, 'add', '-A')
  git(repo, 'commit', '-q', '-m', 'in the way')
  const { workspaces } = workspacesOf(repo, { stateFolder: home })
  const { path } = await workspaces.prepare(request())
  expect(path.startsWith(home)).toBe(true)
  writeFiles(path, { 'new.txt': 'new\n' })
  expect((await json('list')).kept).toMatchObject([{ path, clone_of: null, files: ['new.txt'] }])
})
