import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openGit } from '../../src/git/git.ts'
import { isAncestor } from '../../src/git/refs/commits.ts'
import { readWork } from '../../src/workspaces/work-report.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { gitStarts } from '../support/git-starts.ts'

function repoWith(work: (repo: string) => void) {
  const repo = gitRepo()
  const base = git(repo, 'rev-parse', 'HEAD')
  work(repo)
  git(repo, 'add', '-A')
  git(repo, 'commit', '-q', '-m', 'work')
  const tip = git(repo, 'rev-parse', 'HEAD')
  const diff = ['-c', 'core.quotePath=false', 'diff', base, tip]
  const whole = execFileSync('git', diff, { cwd: repo, encoding: 'utf8', maxBuffer: 2 ** 26 })
  return { repo, at: openGit(repo, { timeoutMs: 60_000 }), base, tip, whole }
}

test('the lists are whole and the diff is cut after a line, however many files there are', async () => {
  const names = Array.from({ length: 3_000 }, (_, n) => `${'x'.repeat(200)}-${n}`)
  const { at, base, tip, whole } = repoWith(repo => writeFiles(repo, Object.fromEntries(names.map(name => [name, 'a\n']))))
  const { files, more, diff, remarks } = await readWork(at, base, [tip], 10_000)
  expect(files.length + (more?.files ?? 0)).toBe(3_000)
  expect(diff.length).toBeLessThanOrEqual(10_000)
  expect(diff.endsWith('\n') && whole.startsWith(diff)).toBe(true)
  expect(remarks.join()).toContain('The diff is cut at 10000 bytes')
})

test('a diff is cut at its own length, not at that of the lists', async () => {
  const { at, base, tip, whole } = repoWith(repo => writeFiles(repo, { a: 'a\n'.repeat(2_000_000), 'ö\n': 'b\n' }))
  const { files, diff, remarks } = await readWork(at, base, [tip], 1_000)
  expect(files.map(({ path, added }) => [path, added])).toEqual([
    ['a', 2_000_000],
    ['ö\n', 1],
  ])
  expect(diff.length).toBeGreaterThan(990)
  expect(diff.length).toBeLessThanOrEqual(1_000)
  expect(whole.startsWith(diff)).toBe(true)
  expect(remarks).toHaveLength(1)
})

test('a short diff is whole, with bytes that are no UTF-8 shown as such', async () => {
  const { at, base, tip, whole } = repoWith(folder => {
    mkdirSync(join(folder, 'dir'))
    writeFileSync(join(folder, 'dir', 'latin.txt'), Buffer.from('caf\xe9\n', 'latin1'))
  })
  const { commits, diff, remarks } = await readWork(at, base, [tip], 1_000)
  expect(commits).toEqual([{ sha: tip, subject: 'work' }])
  expect(diff).toContain('+caf\ufffd\n')
  expect(diff).toBe(whole)
  expect(remarks).toEqual([])
})

test('git is not asked again whether the base is in the history, unless that history can be another one', async () => {
  const { at, base, tip, repo } = repoWith(folder => writeFiles(folder, { a: 'a\n' }))
  await readWork(at, base, [tip], 1_000)
  expect(await gitStarts(async () => expect(await isAncestor(at, base, tip)).toBe(true))).toEqual([])
  const rootless = git(repo, 'commit-tree', '-m', 'no parent', `${tip}^{tree}`)
  const next = git(repo, 'commit-tree', '-m', 'next', '-p', rootless, `${tip}^{tree}`)
  git(repo, 'replace', '--graft', rootless, tip)
  await readWork(at, tip, [next], 1_000)
  expect(await isAncestor(at, tip, next)).toBe(true)
  git(repo, 'replace', '-d', rootless)
  expect(await isAncestor(at, tip, next)).toBe(false)
})
