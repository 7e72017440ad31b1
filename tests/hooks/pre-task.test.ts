import { chmodSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { HookDocument } from '../../src/core/ports/hooks.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { hookDocument, hookTask } from '../support/hook-document.ts'
import { runShipped } from '../support/shipped-hook.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const HOOK = join(import.meta.dirname, '../../hooks/pre_task.ts')

const preTask = (repo: string, changes: Partial<HookDocument> = {}, env: Record<string, string> = {}) =>
  runShipped([HOOK], hookDocument({ state_dir: join(repo, 'state/not/there/yet'), ...changes }), repo, env)

test('a sound machine passes, and each check says what it found', async () => {
  const { code, out } = await preTask(gitRepo())
  expect(out).toMatch(/^ok: \d+ MB free on the disk of .*\nok: git works in .*\nok: the agent CLI answers: v\d+.*\n$/)
  expect(code).toBe(0)
})

test('too little disk space refuses the task', async () => {
  const { code, out } = await preTask(gitRepo(), {}, { AGENT_RUNNER_MIN_FREE_MB: '999999999' })
  expect(code).toBe(1)
  expect(out).toMatch(/NOT ok: only \d+ MB free .* 999999999 MB are wanted/)
})

test('a setting that is no number is named', async () => {
  const { code, err } = await preTask(gitRepo(), {}, { AGENT_RUNNER_MIN_FREE_MB: 'plenty' })
  expect(code).toBe(1)
  expect(err).toBe('AGENT_RUNNER_MIN_FREE_MB is "plenty": it must be a number of megabytes\n')
})

test('a merge that is going on refuses a task in place, and is no obstacle to one in a worktree', async () => {
  const repo = gitRepo({ file: 'one\n' })
  git(repo, 'checkout', '-q', '-b', 'other')
  writeFiles(repo, { file: 'two\n' })
  git(repo, 'commit', '-qam', 'two')
  git(repo, 'checkout', '-q', 'main')
  writeFiles(repo, { file: 'three\n' })
  git(repo, 'commit', '-qam', 'three')
  expect(() => git(repo, 'merge', 'other')).toThrow()
  const minor = await preTask(repo)
  expect(minor.out).toContain('NOT ok: a merge is going on')
  expect(minor.code).toBe(1)
  const major = await preTask(repo, { task: hookTask({ complexity: 'major' }) })
  expect(major.out).toContain('a merge is going on')
  expect(major.code).toBe(0)
})

test('a lock that a killed git left refuses the task and is named', async () => {
  const repo = gitRepo()
  writeFiles(repo, { '.git/index.lock': '' })
  const { code, out } = await preTask(repo)
  expect(code).toBe(1)
  expect(out).toContain(join(repo, '.git/index.lock'))
})

test('a lock that a working git holds for a moment is waited for', async () => {
  const repo = gitRepo()
  writeFiles(repo, { '.git/index.lock': '' })
  const asked = join(tempFolder(), 'asked')
  const bin = tempFolder()
  writeFiles(bin, { git: `#!/bin/sh\n: > '${asked}'\nPATH='${process.env.PATH}' exec git "$@"\n` })
  chmodSync(join(bin, 'git'), 0o755)
  const running = preTask(repo, {}, { PATH: `${bin}:${process.env.PATH}` })
  await waitFor('the hook to look at git', () => existsSync(asked))
  // A fixed time: that it does not end by refusing has no other sign.
  expect(await Promise.race([running, delay(500, 'waits')])).toBe('waits')
  rmSync(join(repo, '.git/index.lock'))
  expect((await running).code).toBe(0)
})

test('a folder without git passes with a remark; a damaged repository does not', async () => {
  const bare = tempFolder()
  const without = await preTask(bare)
  expect(without.out).toContain('not a git repository')
  expect(without.code).toBe(0)
  const repo = gitRepo()
  rmSync(join(repo, '.git/HEAD'))
  const damaged = await preTask(repo)
  expect(damaged.out).toContain('NOT ok: git does not work')
  expect(damaged.code).toBe(1)
})

test('an agent CLI that is missing or fails refuses the task', async () => {
  const repo = gitRepo()
  const missing = await preTask(repo, { agent_command: join(repo, 'nothing') })
  expect(missing.out).toMatch(/NOT ok: the agent CLI .*nothing --version\) does not answer: it is not there/)
  expect(missing.code).toBe(1)
  writeFiles(repo, { broken: '#!/bin/sh\necho "no such model" >&2\nexit 4\n' })
  chmodSync(join(repo, 'broken'), 0o755)
  const broken = await preTask(repo, { agent_command: null }, { HEADLESS_PM_CLAUDE_COMMAND: join(repo, 'broken') })
  expect(broken.out).toContain('does not answer: no such model')
  expect(broken.code).toBe(1)
})

test('the real agent CLI answers', async () => {
  const claude = join(import.meta.dirname, '../../node_modules/.bin/claude')
  const { code, out } = await preTask(gitRepo(), { agent_command: claude })
  expect(out).toMatch(/ok: the agent CLI answers: \d+\.\d+\.\d+/)
  expect(code).toBe(0)
})
