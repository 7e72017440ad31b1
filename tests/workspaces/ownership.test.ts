import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { request, rescueRefs, workspacesOf } from '../support/workspaces.ts'

const minor = (run = 'run_1') => request({ complexity: 'minor' }, run)

/** A repository in which the user has staged, unstaged, half-staged, deleted and untracked changes. */
function dirtyRepo() {
  const repo = gitRepo({ 'staged.txt': 'a\n', 'edited.txt': 'b\n', 'both.txt': 'c\n', 'removed.txt': 'd\n', 'free.txt': 'free\n' })
  writeFiles(repo, { 'staged.txt': 'A staged\n', 'both.txt': 'C staged\n', 'dir/new.txt': "user's\n", 'added.txt': 'added\n' })
  git(repo, 'add', 'staged.txt', 'both.txt', 'added.txt')
  writeFiles(repo, { 'edited.txt': 'B edited\n', 'both.txt': 'C staged, then edited\n' })
  rmSync(join(repo, 'removed.txt'))
  return repo
}

const USERS = ['added.txt', 'both.txt', 'dir/new.txt', 'edited.txt', 'removed.txt', 'staged.txt']

/** All paths that the commits since `base` touch, in any of them. */
function committed(repo: string, base: string): string[] {
  const out = execFileSync('git', ['log', '--format=', '--name-only', '-z', '-m', `${base}..HEAD`], { cwd: repo }).toString('latin1')
  return [
    ...new Set(
      out
        .split('\0')
        .map(name => name.trim())
        .filter(Boolean),
    ),
  ].sort()
}

function hook(repo: string, name: string, body: string) {
  writeFileSync(join(repo, '.git', 'hooks', name), `#!/bin/sh\n${body}\n`)
  chmodSync(join(repo, '.git', 'hooks', name), 0o755)
}

describe('uncommitted changes of the user beside a task in place', () => {
  test.each<[string, (repo: string) => void, string[], ((repo: string) => void)?]>([
    [
      'by git add -A and a commit',
      repo => {
        writeFiles(repo, { 'free.txt': 'by the agent\n' })
        git(repo, 'add', '-A')
        git(repo, 'commit', '-q', '-m', 'all of it')
      },
      ['all of it'],
    ],
    [
      'by a commit of nothing else, which goes',
      repo => {
        git(repo, 'add', '-A')
        git(repo, 'commit', '-q', '-m', "the user's alone")
        writeFiles(repo, { 'free.txt': 'by the agent\n' })
        git(repo, 'commit', '-q', '-am', 'mine')
      },
      ['mine'],
    ],
    [
      'and taken back by a later commit, so that the last tree shows nothing',
      repo => {
        git(repo, 'add', '-A')
        git(repo, 'commit', '-q', '-m', 'too much')
        git(repo, 'rm', '-q', '--cached', 'dir/new.txt')
        writeFiles(repo, { 'free.txt': 'by the agent\n' })
        git(repo, 'add', 'free.txt')
        git(repo, 'commit', '-q', '-m', 'less')
      },
      ['less'],
    ],
    [
      "by the user's hook at our own commit",
      repo => writeFiles(repo, { 'free.txt': 'by the agent\n' }),
      ['Task 7: Add a greeting'],
      repo => hook(repo, 'pre-commit', 'git add -A'),
    ],
    [
      'by commit -a, which leaves the untracked ones',
      repo => {
        writeFiles(repo, { 'free.txt': 'by the agent\n' })
        git(repo, 'commit', '-q', '-a', '-m', 'dash a')
      },
      ['dash a'],
    ],
  ])('committed %s, are taken out of the commits, and are as they were', async (_, work, subjects, prepared = () => {}) => {
    const repo = dirtyRepo()
    prepared(repo)
    const base = git(repo, 'rev-parse', 'HEAD')
    const state = () => [git(repo, 'status', '--porcelain', '-uall'), git(repo, 'ls-files', '-s', '--', ...USERS)]
    const before = state()
    const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
    const workspace = await workspaces.prepare(minor())
    work(repo)
    const report = await workspaces.collect(workspace, minor(), true)
    expect(report.commits.map(commit => commit.subject)).toEqual(subjects)
    expect(committed(repo, base)).toEqual(['free.txt'])
    expect(git(repo, 'show', 'HEAD:free.txt')).toBe('by the agent')
    expect(state()).toEqual(before)
    expect(report.remarks.join()).toMatch(
      /held uncommitted changes of yours \(.*made again without them.*kept in refs\/agent-runner\/run_1\/1/,
    )
    await workspaces.cleanup(workspace, minor(), true)
    expect(state()).toEqual(before)
  })

  test.each<[string, Buffer]>([
    ['Latin-1', Buffer.from('gr\xfc\xdfe.txt', 'latin1')],
    ['bytes of no encoding', Buffer.from([0x61, 0xff, 0xfe, 0x80, 0x2e, 0xed, 0xa0, 0x80])],
    ['UTF-8 beside bytes of none', Buffer.from([0xf0, 0x9f, 0x98, 0x80, 0xf0, 0x9f, 0x41, 0x0a])],
  ])('with names in %s are never committed', async (_, name) => {
    const repo = gitRepo()
    const base = git(repo, 'rev-parse', 'HEAD')
    const file = Buffer.concat([Buffer.from(`${repo}/`), name])
    writeFileSync(file, 'mine\n')
    const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
    const workspace = JSON.parse(JSON.stringify(await workspaces.prepare(minor())))
    writeFiles(repo, { 'a.txt': 'a\n' })
    git(repo, 'add', '-A')
    git(repo, 'commit', '-q', '-m', 'all')
    writeFiles(repo, { 'b.txt': 'b\n' })
    await workspaces.collect(workspace, minor(), true)
    expect(committed(repo, base)).toEqual(['a.txt', 'b.txt'])
    expect(git(repo, 'status', '--porcelain')).toMatch(/^\?\? /)
    await workspaces.cleanup(workspace, minor(), false)
    expect(readFileSync(file, 'utf8')).toBe('mine\n')
  })

  test('work of the agent in names that are no UTF-8 is committed, and moved away, as it is', async () => {
    const repo = gitRepo()
    const name = Buffer.from(`${repo}/d\xe9j\xe0/vu`, 'latin1')
    const { workspaces } = workspacesOf(repo)
    for (const success of [false, true]) {
      const task = minor(`run_${success}`)
      const workspace = await workspaces.prepare(task)
      mkdirSync(Buffer.from(`${repo}/d\xe9j\xe0`, 'latin1'), { recursive: true })
      writeFileSync(name, 'work\n')
      const report = await workspaces.collect(workspace, task, success)
      const { rescued } = await workspaces.cleanup(workspace, task, success)
      expect(git(repo, 'status', '--porcelain')).toBe('')
      const where = success ? 'HEAD' : rescued[0]!
      expect(execFileSync('git', ['ls-tree', '-r', '--name-only', '-z', where], { cwd: repo }).toString('latin1')).toContain(
        'd\xe9j\xe0/vu',
      )
      expect(existsSync(name)).toBe(success)
      expect(report.commits).toHaveLength(success ? 1 : 0)
    }
  })

  test('author, dates, encoding and message of a commit that is made again stay as they were', async () => {
    const repo = gitRepo({ 'mine.txt': 'm\n' })
    writeFiles(repo, { 'mine.txt': "user's\n", 'a.txt': 'a\n' })
    const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
    rmSync(join(repo, 'a.txt'))
    const workspace = await workspaces.prepare(minor())
    writeFiles(repo, { 'a.txt': 'a\n' })
    git(repo, 'add', '-A')
    writeFileSync(join(repo, '.git', 'message'), Buffer.from('gr\xfc\xdfe\n\nbody\n', 'latin1'))
    git(
      repo,
      '-c',
      'i18n.commitEncoding=latin1',
      'commit',
      '-q',
      '-F',
      '.git/message',
      '--author=A <a@example.com>',
      '--date=2001-02-03T04:05:06Z',
    )
    const raw = () =>
      execFileSync('git', ['cat-file', 'commit', 'HEAD'], { cwd: repo })
        .toString('latin1')
        .replace(/^tree .*\n/, '')
    const before = raw()
    await workspaces.collect(workspace, minor(), true)
    expect(raw()).toBe(before)
    expect(git(repo, 'status', '--porcelain')).toBe('M mine.txt')
  })
})

describe.each(['major', 'minor'] as const)('hooks of the repository (%s)', complexity => {
  const task = (run = 'run_1') => request({ complexity }, run)

  /** One task whose agent leaves `work.txt`; answers with the report, and proves that the next task starts on a clean checkout. */
  async function oneTask(repo: string) {
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(task())
    writeFiles(workspace.path, { 'work.txt': 'work   \n' })
    const report = await workspaces.collect(workspace, task(), true)
    const end = await workspaces.cleanup(workspace, task(), true)
    expect(end.kept).toBeNull()
    expect(git(repo, 'status', '--porcelain')).toBe('')
    await expect(workspaces.prepare(minor('run_2'))).resolves.toMatchObject({ kind: 'in-place', dirtyAtStart: [] })
    return { report, end, branch: workspace.branch! }
  }

  test('a formatter that mends files and refuses once: the commit has what it mended', async () => {
    const repo = gitRepo()
    hook(repo, 'pre-commit', 'grep -q " $" work.txt || exit 0; sed -i "s/ *$//" work.txt; echo fixed >&2; exit 1')
    const { report, branch } = await oneTask(repo)
    expect(git(repo, 'show', `${branch}:work.txt`)).toBe('work')
    expect(report.remarks.join()).toMatch(/hooks changed files before the commit/)
    expect(report.rescued).toEqual([])
  })

  test.each<[string, string, string]>([
    ['a formatter that never has enough', 'pre-commit', 'echo more >>work.txt; exit 1'],
    ['a hook that refuses and litters', 'pre-commit', 'echo $$ >>lint.log; exit 1'],
    ['a hook that litters and lets it pass', 'pre-commit', 'echo $$ >>lint.log'],
    ['a hook that mends after staging and lets it pass', 'pre-commit', 'sed -i "s/ *$//" work.txt'],
    ['a hook that stages what it made and refuses', 'pre-commit', 'echo x >made.txt; git add made.txt; exit 1'],
    ['a post-commit hook that writes', 'post-commit', 'echo x >after.txt'],
    ['a prepare-commit-msg hook that writes and fails', 'prepare-commit-msg', 'echo x >msg.txt; exit 1'],
    ['a commit-msg hook that deletes', 'commit-msg', 'rm -f README.md'],
  ])('%s costs no work and leaves a clean checkout', async (_, name, body) => {
    const repo = gitRepo()
    hook(repo, name, body)
    const { report, branch } = await oneTask(repo)
    expect(git(repo, 'show', `${branch}:work.txt`)).toMatch(/^work/)
    expect(git(repo, 'show', `${branch}:README.md`)).toBe('# demo')
    expect(report.commits).toHaveLength(1)
  })

  test('what a hook changed after the commit is kept and told', async () => {
    const repo = gitRepo()
    hook(repo, 'post-commit', 'echo precious >after.txt')
    const { report } = await oneTask(repo)
    expect(report.remarks.join()).toContain(report.rescued[0])
    expect(git(repo, 'show', `${report.rescued[0]}:after.txt`)).toBe('precious')
  })
})

describe('what only looks changed is not committed', () => {
  const crlf: Record<string, string> = { '.gitattributes': '*.txt -text\n', 'a.txt': 'one\r\ntwo\r\n', 'b.txt': 'b\n' }

  /** A repository in which git calls files changed that nobody has touched. */
  function noisy(attributes: string): string {
    const repo = gitRepo(crlf)
    writeFiles(repo, { '.gitattributes': attributes })
    git(repo, 'add', '.gitattributes')
    git(repo, 'commit', '-q', '-m', 'attributes', '.gitattributes')
    return repo
  }

  const repos: [string, () => string][] = [
    ['a CRLF blob under eol=lf', () => noisy('*.txt text eol=lf\n')],
    ['a CRLF blob under text=auto', () => noisy('*.txt text=auto\n*.txt text\n')],
    [
      'a blob under a filter that does not fit it',
      () => {
        const repo = noisy('*.txt filter=loud -text\n')
        git(repo, 'config', 'filter.loud.smudge', "tr 'a-z' 'A-Z'")
        git(repo, 'config', 'filter.loud.clean', "sed 's/^/clean /'")
        rmSync(join(repo, 'a.txt'))
        rmSync(join(repo, 'b.txt'))
        git(repo, 'checkout', '--', 'a.txt', 'b.txt')
        return repo
      },
    ],
    [
      'CRLF under core.autocrlf=input',
      () => {
        const repo = gitRepo({ 'a.txt': 'one\r\ntwo\r\n' })
        git(repo, 'config', 'core.autocrlf', 'input')
        writeFiles(repo, { '.gitattributes': '*.txt text\n' })
        git(repo, 'add', '.gitattributes')
        git(repo, 'commit', '-q', '-m', 'attributes', '.gitattributes')
        return repo
      },
    ],
  ]

  test.each(repos.flatMap(([name, make]) => [[name, 'major', make] as const, [name, 'minor', make] as const]))(
    '%s, in a %s task that does nothing, and in one that does something else',
    async (_, complexity, make) => {
      const repo = make()
      const { workspaces } = workspacesOf(repo)
      const touch = (path: string) => {
        const later = new Date(Date.now() + 5_000)
        for (const name of git(path, 'ls-files').split('\n')) execFileSync('touch', ['-d', later.toISOString(), join(path, name)])
      }
      for (const work of [{}, { 'c.md': 'c\n' }] as Record<string, string>[]) {
        const task = request({ complexity }, `run_${Object.keys(work).length}`)
        const workspace = await workspaces.prepare(task)
        writeFiles(workspace.path, work)
        touch(workspace.path)
        expect(git(workspace.path, 'status', '--porcelain')).toMatch(/^ ?M a\.txt/m)
        const report = await workspaces.collect(workspace, task, true)
        expect(report.files.map(file => file.path)).toEqual(Object.keys(work))
        expect(report.remarks).toEqual([])
        expect(await workspaces.cleanup(workspace, task, true)).toEqual({ kept: null, rescued: [] })
      }
      expect(rescueRefs(repo)).toEqual([])
    },
  )

  test('modes and files that a hook of the checkout made are not the work of the agent', async () => {
    const repo = gitRepo({ 'a.sh': '#!/bin/sh\n', 'b.txt': 'b\n' })
    hook(repo, 'post-checkout', 'chmod +x a.sh; echo made >made.txt; echo generated >b.txt')
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    writeFiles(workspace.path, { 'c.txt': 'c\n' })
    const report = await workspaces.collect(workspace, request(), true)
    expect(report.files.map(file => file.path)).toEqual(['c.txt'])
    expect(await workspaces.cleanup(workspace, request(), true)).toEqual({ kept: null, rescued: [] })
  })

  test('an agent that changes such a file, or the attributes, is committed', async () => {
    const repo = noisy('*.txt text eol=lf\n')
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request())
    writeFiles(workspace.path, { 'a.txt': 'one\r\nchanged\r\n' })
    expect((await workspaces.collect(workspace, request(), true)).files.map(file => file.path)).toEqual(['a.txt'])
    await workspaces.cleanup(workspace, request(), true)
    const again = request({ id: '8' }, 'run_8')
    const second = await workspaces.prepare(again)
    writeFiles(second.path, { '.gitattributes': '* text=auto eol=lf\n' })
    git(second.path, 'add', '--renormalize', '.')
    expect((await workspaces.collect(second, again, true)).files.map(file => file.path)).toEqual(['.gitattributes', 'a.txt'])
  })
})

test.each(['major', 'minor'] as const)(
  'in a sparse checkout work outside of the cone is committed, and nothing outside is deleted (%s)',
  async complexity => {
    const repo = gitRepo({ 'in/a.txt': 'a\n', 'out/b.txt': 'b\n', 'out/keep.txt': 'k\n' })
    git(repo, 'sparse-checkout', 'set', 'in')
    const { workspaces } = workspacesOf(repo)
    const workspace = await workspaces.prepare(request({ complexity }))
    writeFiles(workspace.path, { 'in/a.txt': 'changed\n', 'out/new.txt': 'new\n', 'out/b.txt': 'changed too\n', 'other/x.txt': 'x\n' })
    const report = await workspaces.collect(workspace, request({ complexity }), true)
    expect(report.files.map(file => file.path)).toEqual(['in/a.txt', 'other/x.txt', 'out/b.txt', 'out/new.txt'])
    expect(git(repo, 'show', `${workspace.branch}:out/keep.txt`)).toBe('k')
    expect(report.remarks).toEqual([])
    expect((await workspaces.cleanup(workspace, request({ complexity }), true)).kept).toBeNull()
  },
)

test('a folder that is no repository is left alone by all of this', async () => {
  const folder = tempFolder()
  const { workspaces } = workspacesOf(folder)
  const workspace = await workspaces.prepare(minor())
  writeFiles(folder, { 'a.txt': 'a\n' })
  await workspaces.collect(workspace, minor(), true)
  expect(await workspaces.cleanup(workspace, minor(), true)).toEqual({ kept: null, rescued: [] })
})
