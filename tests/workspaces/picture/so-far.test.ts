import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../../support/git-repo.ts'
import { request, workspacesOf } from '../../support/workspaces.ts'

test.each(['major', 'minor'] as const)('what a %s task has changed until now is a diff, and looking changes nothing', async complexity => {
  const repo = gitRepo({ 'README.md': '# demo\n', 'old.txt': 'old\n', '.gitignore': 'ignored\n' })
  const { workspaces } = workspacesOf(repo)
  const asked = request({ complexity })
  const workspace = await workspaces.prepare(asked)
  expect(await workspaces.diffSoFar(workspace, asked)).toBe('')
  const { path } = workspace
  writeFiles(path, { 'README.md': '# changed\n', 'new/file.txt': 'new\n', ignored: 'no\n', 'committed.txt': 'yes\n' })
  git(path, 'add', 'committed.txt')
  git(path, 'commit', '-q', '-m', 'one')
  git(path, 'rm', '-q', 'old.txt')
  const before = git(path, 'status', '--porcelain')
  // Git itself keeps the empty file once it notes a new one.
  git(repo, 'hash-object', '-w', '/dev/null')
  const objects = git(repo, 'count-objects')
  const diff = await workspaces.diffSoFar(workspace, asked)
  for (const line of ['+# changed', '+yes', '+new', '-old']) expect(diff).toContain(`\n${line}\n`)
  expect(diff).not.toContain('ignored')
  expect(git(path, 'status', '--porcelain')).toBe(before)
  expect(git(repo, 'count-objects')).toBe(objects)
  expect(readdirSync(join(repo, '.git')).filter(name => /look/.test(name))).toEqual([])
})

test('a checkout that is gone, or whose `.git` the agent has replaced, is no fault and runs nothing of the agent', async () => {
  const repo = gitRepo()
  const { workspaces } = workspacesOf(repo)
  const asked = request()
  const workspace = await workspaces.prepare(asked)
  const marker = join(repo, 'ran')
  git(workspace.path, 'init', '-q', '--separate-git-dir', join(repo, '.git/own'), join(repo, '.git/elsewhere'))
  writeFileSync(join(workspace.path, '.git'), `gitdir: ${join(repo, '.git/own')}\n`)
  git(workspace.path, 'config', 'filter.evil.clean', `touch ${marker}; cat`)
  writeFiles(workspace.path, { '.gitattributes': '* filter=evil\n', 'a.txt': 'a\n' })
  expect(await workspaces.diffSoFar(workspace, asked)).toContain('+a\n')
  expect(existsSync(marker)).toBe(false)
  rmSync(workspace.path, { recursive: true })
  expect(await workspaces.diffSoFar(workspace, asked)).toBeNull()
})
