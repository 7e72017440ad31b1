import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newRunId } from '../../src/core/ids.ts'
import { openGit } from '../../src/git/git.ts'
import { gitAt, type Place } from '../../src/workspaces/place.ts'
import { kill, processesWith } from '../support/git-processes.ts'
import { git, gitRepo } from '../support/git-repo.ts'
import { waitFor } from '../support/wait-for.ts'

/** A file that a reader waits for: nobody ever writes to it. */
function endless(repo: string): string {
  const path = join(repo, '.git', 'endless')
  if (!existsSync(path)) execFileSync('mkfifo', [path])
  return path
}

test('a git that was killed is a failure, not a success without output', async () => {
  const runId = newRunId()
  const repo = gitRepo()
  const place = openGit(repo, { timeoutMs: 20_000, run: { runId, agentTag: 'dev_001' } })
  for (const ask of [place.run, place.ask]) {
    const failure = expect(ask(['hash-object', endless(repo)])).rejects.toMatchObject({
      code: 'GIT_FAILED',
      message: 'git hash-object was killed',
    })
    const [pid] = await waitFor('git to run', () => {
      const pids = processesWith(`AGENT_RUNNER_RUN_ID=${runId}`, 'git')
      return pids.length > 0 ? pids : null
    })
    kill(pid!)
    await failure
  }
})

test('a git that fails without a word is a failure', async () => {
  const repo = gitRepo()
  git(repo, 'config', 'alias.no', '!exit 3')
  await expect(openGit(repo, { timeoutMs: 10_000 }).run(['no'])).rejects.toThrow('git no ended with 3')
  expect(await openGit(repo, { timeoutMs: 10_000 }).ask(['no'])).toBeNull()
})

test('a git that waits for ever is stopped', async () => {
  const repo = gitRepo()
  const waiting = openGit(repo, { timeoutMs: 300 }).run(['hash-object', endless(repo)])
  await expect(waiting).rejects.toMatchObject({ code: 'GIT_FAILED', message: expect.stringContaining('did not end within') })
})

test('a process that a hook leaves behind with the output open does not hold us', async () => {
  const repo = gitRepo()
  git(repo, 'config', 'alias.leave', '!sleep 60 & echo $!')
  const pid = Number(await openGit(repo, { timeoutMs: 20_000 }).run(['leave']))
  expect(pid).toBeGreaterThan(1)
  onTestFinished(() => kill(pid))
  expect(() => process.kill(pid, 0)).not.toThrow()
})

test('large output arrives whole, and only its head when that is asked for', async () => {
  const text = 'a line of text\n'.repeat(400_000)
  const repo = gitRepo({ 'big.txt': text })
  const place = openGit(repo, { timeoutMs: 20_000 })
  expect(await place.run(['cat-file', 'blob', 'HEAD:big.txt'])).toBe(text)
  expect(await place.head(['cat-file', 'blob', 'HEAD:big.txt'], 1_000)).toEqual({ text: text.slice(0, 1_000), cut: true })
})

test('git in a checkout never looks above it', async () => {
  const repo = gitRepo()
  const folder = join(repo, '.worktrees', 'task-7')
  mkdirSync(folder, { recursive: true })
  const place = { git: openGit(repo, { timeoutMs: 10_000 }) } as Place
  await expect(gitAt(place, folder).run(['status'])).rejects.toThrow(/not a git repository/)
})

test('the hooks of a repository may use abbreviated options, patterns and an editor that ends', async () => {
  const repo = gitRepo({ 'a.ts': '', 'b.js': '' })
  git(
    repo,
    'config',
    'alias.try',
    '!git ls-files --cache -- "*.ts" && git var GIT_EDITOR && echo "$AGENT_RUNNER_RUN_ID $AGENT_RUNNER_RUN_AGENT"',
  )
  expect(await openGit(repo, { timeoutMs: 10_000, run: { runId: 'run_1', agentTag: 'dev_1@/home' } }).run(['try'])).toBe(
    'a.ts\ntrue\nrun_1 dev_1@/home\n',
  )
})

test('a machine without git is told so', async () => {
  const place = openGit(gitRepo(), { timeoutMs: 10_000, env: { PATH: '/no/such/folder' } })
  await expect(place.run(['status'])).rejects.toMatchObject({ code: 'GIT_FAILED', message: 'git was not found on PATH' })
})
