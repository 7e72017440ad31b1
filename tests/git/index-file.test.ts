import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readIndexFile } from '../../src/git/checkout/index-file.ts'
import { textOf } from '../../src/git/file-names.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'

const NAMES = [
  'a',
  'b/c',
  'b/d/e',
  'b.txt',
  'long/'.padEnd(200, 'x'),
  'x\ny',
  'ä/ö',
  ...Array.from({ length: 20 }, (_, n) => `n/${'n'.repeat(n)}m`),
]

function repoWith(...config: string[]): string {
  const repo = gitRepo(Object.fromEntries(NAMES.map(name => [name, `${name}\n`])))
  if (config.length > 0) git(repo, 'config', ...config)
  git(repo, 'update-index', '--add', '--cacheinfo', `160000,${git(repo, 'rev-parse', 'HEAD')},b/link`)
  return repo
}

const read = (repo: string) => readIndexFile(join(repo, '.git', 'index'))

/** What git says of the same index. */
function asGitSays(repo: string) {
  const lines = git(repo, 'ls-files', '-s', '-z').split('\0').filter(Boolean)
  const paths = lines.map(line => textOf(Buffer.from(line.slice(line.indexOf('\t') + 1))))
  const links = paths.filter((_, at) => lines[at]!.startsWith('160000'))
  return { links, tops: new Set(paths.map(path => path.split('/', 1)[0]!)) }
}

test.each(['2', '3', '4'])('an index of version %s says what git says of it', version => {
  const repo = repoWith()
  git(repo, 'update-index', '--index-version', version)
  // Only such a name has the longer entry of version 3.
  if (version !== '2') {
    writeFiles(repo, { 'b/intended': '' })
    git(repo, 'add', '-N', 'b/intended')
  }
  expect(readFileSync(join(repo, '.git', 'index')).readUInt32BE(4)).toBe(Number(version))
  expect(read(repo)).toEqual(asGitSays(repo))
  expect(read(repo)?.links).toEqual(['b/link'])
})

test('the paths of an unfinished merge are read too', () => {
  const repo = repoWith()
  const blob = git(repo, 'hash-object', '-w', 'a')
  const entries = [1, 2, 3].map(stage => `100644 ${blob} ${stage}\tconflict\0`).join('')
  writeFileSync(join(repo, '.git', 'entries'), entries)
  git(repo, '-c', `alias.put=!git update-index -z --index-info < '${join(repo, '.git', 'entries')}'`, 'put')
  expect(read(repo)).toEqual(asGitSays(repo))
  expect(read(repo)?.tops.has('conflict')).toBe(true)
})

test.each([
  ['a path that git takes for unchanged', (repo: string) => git(repo, 'update-index', '--assume-unchanged', 'a')],
  ['a path that git takes for left out', (repo: string) => git(repo, 'update-index', '--skip-worktree', 'a')],
  ['a part that is shared', (repo: string) => git(repo, 'update-index', '--split-index')],
  ['bytes behind its checksum', (repo: string) => appendFileSync(join(repo, '.git', 'index'), 'x')],
  ['nothing in it', (repo: string) => writeFileSync(join(repo, '.git', 'index'), '')],
])('an index with %s is left to git', (_, change) => {
  const repo = repoWith()
  expect(read(repo)).not.toBeNull()
  change(repo)
  expect(read(repo)).toBeNull()
})

test('so is one with folders for entries, and one with other hashes', () => {
  const sparse = repoWith()
  git(sparse, 'rm', '-q', '--cached', 'b/link')
  git(sparse, 'sparse-checkout', 'set', '--cone', '--sparse-index', 'n')
  expect(read(sparse)).toBeNull()
  const other = join(sparse, 'other')
  git(sparse, 'init', '-q', '--object-format=sha256', other)
  writeFiles(other, { a: 'a\n' })
  git(other, 'add', '-A')
  expect(read(other)).toBeNull()
  expect(read(join(sparse, 'nowhere'))).toBeNull()
})
