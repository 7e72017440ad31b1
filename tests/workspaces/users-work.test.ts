import { execFileSync, execSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { leftovers, request, rescueRefs, workspacesOf } from '../support/workspaces.ts'

const minor = request({ complexity: 'minor' }, 'run_1')
const LATIN = Buffer.from('gr\xfc\xdfe.txt', 'latin1')

/** A repository of two commits with work of the user in every form that git knows. */
function dirtyRepo() {
  const repo = gitRepo({ 'first.txt': 'first\n' })
  const names = ['staged', 'edited', 'both', 'removed', 'dropped', 'free']
  writeFiles(repo, {
    ...Object.fromEntries(names.map(name => [`${name}.txt`, `${name}\n`])),
    'plain.sh': '#!/bin/sh\n',
    folder: 'a file\n',
  })
  git(repo, 'add', '-A')
  git(repo, 'commit', '-q', '-m', 'second')
  writeFiles(repo, { 'staged.txt': 'my staged\n', 'both.txt': 'my first\n', 'added.txt': 'my added\n' })
  git(repo, 'add', '-A')
  git(repo, 'rm', '-q', '--cached', 'dropped.txt')
  rmSync(join(repo, 'dropped.txt'))
  writeFiles(repo, {
    'both.txt': 'my second\n',
    'edited.txt': 'my edited\n',
    'dir/new.txt': 'my new\n',
    'own run.sh': '#!/bin/sh\n# my own\n',
  })
  chmodSync(join(repo, 'own run.sh'), 0o755)
  chmodSync(join(repo, 'plain.sh'), 0o755)
  rmSync(join(repo, 'removed.txt'))
  rmSync(join(repo, 'folder'))
  writeFiles(repo, { 'folder/inside.txt': 'my inside\n' })
  symlinkSync('nowhere/at all', join(repo, 'link'))
  writeFileSync(Buffer.concat([Buffer.from(`${repo}/`), LATIN]), 'my latin\n')
  return repo
}

/** The user's work as it stands: what git says, the index, the files with their modes. */
function standing(repo: string) {
  const names = ['staged.txt', 'edited.txt', 'both.txt', 'removed.txt', 'dropped.txt', 'added.txt', 'dir/new.txt', 'own run.sh', 'plain.sh']
  const file = (path: string | Buffer) => {
    const found = lstatSync(path, { throwIfNoEntry: false })
    return found?.isFile() ? [found.mode & 0o111, readFileSync(path, 'utf8')] : null
  }
  return {
    status: execFileSync('git', ['status', '--porcelain', '-uall', '-z'], { cwd: repo }).toString('latin1'),
    index: git(repo, 'ls-files', '-s', '--', ...names, 'folder', 'link'),
    files: [...names, 'folder/inside.txt'].map(name => file(join(repo, name))),
    latin: file(Buffer.concat([Buffer.from(`${repo}/`), LATIN])),
    link: lstatSync(join(repo, 'link'), { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(join(repo, 'link')) : null,
  }
}

/** Refs that people use in whose history anything of the user is. */
function holders(repo: string): string[] {
  const refs = git(repo, 'for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/tags').split('\n')
  const has = (ref: string) =>
    git(repo, 'log', '--format=%H', '-m', '--root', '-p', ref, '--').match(/^\+.*my |new mode|nowhere|deleted file/m) !== null
  return refs.filter(has)
}

/** Runs commands of an agent in the checkout. */
const agent = (repo: string, commands: string) => void execSync(`set -e\n${commands}`, { cwd: repo, stdio: 'ignore', shell: '/bin/sh' })

/** One task in place: the agent's commands, the report, the end. */
async function run(repo: string, commands: string, success = true) {
  const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
  const workspace = await workspaces.prepare(minor)
  agent(repo, commands)
  const report = await workspaces.collect(workspace, minor, success)
  return { report, workspace, workspaces, said: report.remarks.join('\n') }
}

const FREE = 'echo by the agent >free.txt'
const subjects = (repo: string, ref = 'main') => git(repo, 'log', '--format=%s', ref, '--').split('\n')

describe("the user's work is in no commit, and stands as it stood, when the agent", () => {
  test.each<[string, string, string[]]>([
    ['amends the last commit', `${FREE}; git add -A; git commit -q --amend --no-edit`, ['second', 'first']],
    ['amends it with another message', `git add -A; git commit -q --amend -m better`, ['better', 'first']],
    ['amends it twice', `git commit -q -a --amend --no-edit; ${FREE}; git add -A; git commit -q --amend --no-edit`, ['second', 'first']],
    ['resets softly and makes one of two', `${FREE}; git add -A; git reset -q --soft HEAD~1; git commit -q -m one`, ['one', 'first']],
    [
      'rebases its own commits',
      `${FREE}; git add -A; git commit -q -m a; echo x >x; git add x; git commit -q -m b; GIT_SEQUENCE_EDITOR="sed -i 2s/pick/fixup/" git rebase -q -i HEAD~2`,
      ['a', 'second', 'first'],
    ],
    [
      'merges a branch with it',
      `git checkout -q -b side; ${FREE}; git add -A; git commit -q -m a; git checkout -q main; echo x >x; git add x; git commit -q -m b; git merge -q -m merge side`,
      ['merge', 'b', 'a', 'second', 'first'],
    ],
    [
      'gives its commit another branch and a tag',
      `${FREE}; git add -A; git commit -q -m a; git branch copy; git tag v1`,
      ['a', 'second', 'first'],
    ],
    ['cherry-picks its stash', `git stash -q -u; ${FREE}; git commit -q -am a; git cherry-pick -m 1 stash@{0}`, ['a', 'second', 'first']],
  ])('%s', async (_, commands, expected) => {
    const repo = dirtyRepo()
    const before = standing(repo)
    const { report, workspace, workspaces, said } = await run(repo, commands)
    expect(subjects(repo)).toEqual(expected.map(subject => (subject === 'first' ? 'start' : subject)))
    expect(holders(repo)).toEqual([])
    expect(standing(repo)).toEqual(before)
    expect(git(repo, 'show', 'main:both.txt')).toBe('both')
    expect(said).toMatch(/held uncommitted changes of yours \(.*made again without them.*kept in refs\/agent-runner\/run_1\/1/)
    expect(said).not.toMatch(/not committed|stay as they are/)
    for (const ref of report.rescued) expect(() => git(repo, 'rev-parse', ref)).not.toThrow()
    await workspaces.cleanup(workspace, minor, true)
    expect(standing(repo)).toEqual(before)
    expect(leftovers(repo)).toEqual([])
  })

  test.each<[string, string]>([
    ['amends the last commit with nothing else', 'git add -A; git commit -q --amend --no-edit'],
    ['merges its stash', 'git stash -q -u; git merge -q --no-edit stash@{0}'],
    ['commits on another branch and goes back', `git checkout -q -b other; ${FREE}; git add -A; git commit -q -m a; git checkout -q main`],
    [
      'makes a branch of its stash',
      'git stash -q -u; git checkout -q -b other; git checkout -q stash@{0} -- .; git commit -q -m a; git checkout -q main',
    ],
    ['starts a history of its own', 'git checkout -q --orphan other; git add -A; git commit -q -m a; git checkout -q main'],
  ])('%s: the branch is where it was', async (_, commands) => {
    const repo = dirtyRepo()
    const [before, head] = [standing(repo), git(repo, 'rev-parse', 'main')]
    const { workspace, workspaces, said } = await run(repo, commands)
    expect(git(repo, 'rev-parse', 'main')).toBe(head)
    expect(holders(repo)).toEqual([])
    expect(standing(repo)).toEqual(before)
    expect(said).toMatch(/held uncommitted changes of yours/)
    await workspaces.cleanup(workspace, minor, true)
    expect(standing(repo)).toEqual(before)
  })

  test('commits on another branch and stays there: its branch has what it did, the checkout comes back to its own', async () => {
    const repo = dirtyRepo()
    const before = standing(repo)
    const { workspace, workspaces } = await run(repo, `git checkout -q -b other; ${FREE}; git add -A; git commit -q -m a`)
    await workspaces.cleanup(workspace, minor, true)
    expect(git(repo, 'symbolic-ref', '--short', 'HEAD')).toBe('main')
    expect(holders(repo)).toEqual([])
    expect(git(repo, 'show', 'other:free.txt')).toBe('by the agent')
    expect(standing(repo)).toEqual(before)
  })
})

describe('commits that stay as they are', () => {
  test.each<[string, string, RegExp]>([
    ['a remote has them', 'git push -q origin HEAD:main', /refs\/remotes\/origin\/main has them too/],
    ['an annotated tag has them', 'git tag -a -m v1 v1', /refs\/tags\/v1 has them too/],
    ['a branch that is checked out elsewhere has them', 'git worktree add -q -b copy ../elsewhere', /refs\/heads\/copy has them too/],
  ])('since %s, are told, and nothing says that they are not committed', async (_, commands, reason) => {
    const repo = gitRepo({ 'mine.txt': 'm\n' }, join(tempFolder(), 'repo'))
    git(repo, 'init', '-q', '--bare', '../origin')
    git(repo, 'remote', 'add', 'origin', '../origin')
    writeFiles(repo, { 'mine.txt': "user's\n", 'other.txt': "user's\n" })
    const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
    const workspace = await workspaces.prepare(minor)
    agent(repo, `echo more >>mine.txt; git add -A; git commit -q -m all; ${commands}`)
    const head = git(repo, 'rev-parse', 'HEAD')
    const { remarks } = await workspaces.collect(workspace, minor, true)
    const said = remarks.join('\n')
    expect(said).toMatch(/hold uncommitted changes of yours \(mine\.txt, other\.txt\), and stay as they are/)
    expect(said).toMatch(reason)
    expect(said).toMatch(/also changed mine\.txt, .*; a commit has it/)
    expect(said).not.toMatch(/not committed/)
    expect(git(repo, 'rev-parse', 'HEAD')).toBe(head)
  })

  test('what others have committed to a file of the user, and the agent fetched, is theirs', async () => {
    const repo = gitRepo({ 'mine.txt': 'm\n', 'free.txt': 'f\n' }, join(tempFolder(), 'repo'))
    git(repo, 'clone', '-q', '--bare', '.', '../origin')
    git(repo, 'clone', '-q', '../origin', '../theirs')
    writeFiles(join(repo, '../theirs'), { 'mine.txt': 'theirs\n' })
    git(join(repo, '../theirs'), '-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '-am', 'theirs')
    git(join(repo, '../theirs'), 'push', '-q')
    git(repo, 'remote', 'add', 'origin', '../origin')
    writeFiles(repo, { 'mine.txt': "user's\n" })
    const { said } = await run(
      repo,
      'git stash -q; git pull -q --ff-only origin main; git fetch -q origin; echo x >free.txt; git commit -q -am own',
    )
    expect(subjects(repo)).toEqual(['own', 'theirs', 'start'])
    expect(said).not.toMatch(/made again|stay as they are/)
    expect(said).toMatch(/also changed mine\.txt, where there were uncommitted changes before; a commit has it\. `git restore /)
    expect(readFileSync(join(repo, 'mine.txt'), 'utf8')).toBe('theirs\n')
  })
})

describe('commits that were there before the agent', () => {
  /** Commits that hold just what is uncommitted now, and that only `refs` hold. */
  function withOldWork(refs: (repo: string) => void) {
    const repo = gitRepo({ 'first.txt': 'first\n', 'free.txt': 'free\n' })
    git(repo, 'checkout', '-q', '--detach')
    writeFiles(repo, { 'first.txt': 'my first\n', 'new.txt': 'my new\n' })
    git(repo, 'add', '-A')
    git(repo, 'commit', '-q', '-m', 'my own')
    refs(repo)
    git(repo, 'checkout', '-q', 'main')
    writeFiles(repo, { 'first.txt': 'my first\n', 'new.txt': 'my new\n' })
    return repo
  }

  test.each<[string, (repo: string) => void]>([
    ['a lightweight tag', repo => void git(repo, 'tag', 'old')],
    ['an annotated tag', repo => void git(repo, 'tag', '-a', '-m', 'old', 'old')],
    [
      'a tag of a tag',
      repo => {
        git(repo, 'tag', '-a', '-m', 'x', 'x')
        git(repo, 'tag', '-a', '-m', 'old', 'old', 'x')
      },
    ],
    [
      'a later commit on no branch that a tag names',
      repo => {
        git(repo, 'commit', '-q', '--allow-empty', '-m', 'later')
        git(repo, 'tag', 'old')
      },
    ],
  ])('and that only %s holds stay as they are, whether the agent leaves them, looks at them or goes on from them', async (_, refs) => {
    for (const [commands, made] of [
      [FREE, 0],
      ['git checkout -q -f old; git checkout -q main', 0],
      [`${FREE}; git add -A; git commit -q -m all; git tag -f moved old; git branch also old`, 1],
    ] as const) {
      const repo = withOldWork(refs)
      const before = git(repo, 'show-ref', '--tags')
      const { said } = await run(repo, commands)
      expect(
        git(repo, 'show-ref', '--tags')
          .split('\n')
          .filter(line => !line.endsWith('/moved'))
          .join('\n'),
      ).toBe(before)
      expect(said.includes('made again without them')).toBe(made === 1)
      expect(said).not.toMatch(/stay as they are|update-ref refs\/tags\/old/)
      if (made === 1) expect(git(repo, 'rev-parse', 'also', 'moved^{commit}')).toBe(git(repo, 'rev-parse', 'old^{commit}', 'old^{commit}'))
    }
  })

  test('and commits of the agent are not told apart once the record of before is gone: none is touched, and the note says so', async () => {
    const repo = dirtyRepo()
    const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
    const workspace = await workspaces.prepare(minor)
    agent(repo, 'git add -A; git commit -q -m all; git tag mine')
    const head = git(repo, 'rev-parse', 'HEAD')
    for (const file of leftovers(repo).filter(name => name.endsWith('.before.json'))) rmSync(join(repo, '.git', file))
    const { remarks } = await workspaces.collect(workspace, minor, true)
    expect(git(repo, 'rev-parse', 'main', 'mine').split('\n')).toEqual([head, head])
    expect(remarks.join()).toContain('no commit was searched for uncommitted changes of yours')
  })
})

describe('what the agent wipes of the user', () => {
  test.each<[string, string]>([
    ['git reset --hard and git clean', 'git reset -q --hard; git clean -qfd'],
    ['git checkout of all files, and rm', 'git checkout -q -- .; rm -rf dir link gr* "own run.sh" folder; git reset -q'],
    ['git restore of files and index', 'git restore --staged --worktree .'],
    ['git reset alone', 'git reset -q'],
    ['git stash, which is left there', 'git stash -q -u'],
    ['a commit that is thrown away', 'git add -A; git commit -q -m all; git reset -q --hard HEAD~1'],
    ['a branch that is thrown away', 'git checkout -q -b b; git add -A; git commit -q -m all; git checkout -q main; git branch -q -D b'],
    ['a rule that hides it', 'git reset -q --hard; git clean -qfd; echo "dir/" >.gitignore'],
  ])('by %s is put back, and told', async (_, commands) => {
    for (const success of [true, false]) {
      const repo = dirtyRepo()
      const before = standing(repo)
      const { report, workspace, workspaces, said } = await run(repo, `${commands}; ${FREE}`, success)
      await workspaces.cleanup(workspace, minor, success)
      const after = standing(repo)
      // A rule of the agent's that is committed goes on hiding the file from git, but not from its user.
      if (commands.includes('.gitignore') && success) expect(after.files).toEqual(before.files)
      else expect(after).toEqual(before)
      expect(report.commits).toHaveLength(success ? 1 : 0)
      if (commands !== 'git reset -q')
        expect(said).toMatch(/changes of yours were not in the files any more when the agent ended, and were put back: /)
      expect(said).not.toMatch(/could not be put back|also changed/)
      expect(leftovers(repo)).toEqual([])
    }
  })

  test('is put back once, and told each time, when all of it is done again', async () => {
    const repo = dirtyRepo()
    const before = standing(repo)
    const { report, workspace, workspaces } = await run(
      repo,
      `${FREE}; git commit -q --amend --no-edit -a; git reset -q --hard; git clean -qfd`,
    )
    const again = await workspaces.collect(workspace, minor, true)
    expect(again).toEqual(report)
    expect(report.remarks.join()).toMatch(/made again without them.*were put back/)
    expect(standing(repo)).toEqual(before)
    await workspaces.cleanup(workspace, minor, true)
    await workspaces.cleanup(workspace, minor, true)
    expect(standing(repo)).toEqual(before)
  })

  test.each(['before', 'after'])('is put back by the next one when git and runner die %s any command of the first', async when => {
    const bin = tempFolder()
    const count = join(bin, 'count')
    const path = process.env.PATH
    onTestFinished(() => {
      process.env.PATH = path
    })
    writeFileSync(
      join(bin, 'git'),
      `#!/bin/sh
PATH="\${PATH#*:}"; export PATH
echo . >>"${count}"
[ -e "${bin}/dead" ] && kill -9 $$
[ "$(wc -l <"${count}")" -eq "$(cat "${bin}/at")" ] || exec git "$@"
[ ${when} = before ] || git "$@" >/dev/null 2>&1
: >"${bin}/dead"
kill -9 $$`,
      { mode: 0o755 },
    )
    // Each command would take long; the two orders begin at different ones.
    for (let at = when === 'before' ? 2 : 5, dies = true; dies; at += 17) {
      const repo = dirtyRepo()
      const before = standing(repo)
      const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
      const workspace = await workspaces.prepare(minor)
      agent(
        repo,
        `${FREE}; git commit -q --amend --no-edit -a; echo x >x.txt; rm -rf dir "own run.sh"; git checkout -q HEAD~1 -- . ; git reset -q`,
      )
      writeFileSync(join(bin, 'at'), `${at}`)
      process.env.PATH = `${bin}:${path}`
      await workspaces.collect(workspace, minor, true).catch(() => {})
      dies = existsSync(join(bin, 'dead'))
      process.env.PATH = path
      for (const name of ['dead', 'count']) rmSync(join(bin, name), { force: true })
      const { remarks } = await workspaces.collect(workspace, minor, true)
      expect([at, standing(repo)]).toEqual([at, before])
      expect(holders(repo)).toEqual([])
      expect(git(repo, 'show', 'main:free.txt')).toBe('by the agent')
      expect(git(repo, 'show', 'main:x.txt')).toBe('x')
      expect(remarks.join()).toMatch(/made again without them.*were put back/)
    }
  })

  test('stays as the agent has made it where it made something of it; the command in the note brings the old back', async () => {
    const repo = dirtyRepo()
    writeFiles(repo, { "it's [odd].txt": 'my odd\n' })
    const { said, workspace, workspaces } = await run(
      repo,
      `echo by the agent >edited.txt; echo by the agent >"it's [odd].txt"; rm -rf dir; echo in the way >dir; mv link other; ln -s elsewhere link`,
    )
    expect(said).toMatch(/also changed edited\.txt, it's \[odd\]\.txt, link, where there were uncommitted changes before; no commit has it/)
    expect(said).toMatch(/could not be put back \(dir\/new\.txt\)/)
    expect(said).not.toMatch(/were put back/)
    expect(readFileSync(join(repo, 'edited.txt'), 'utf8')).toBe('by the agent\n')
    expect(readFileSync(join(repo, 'dir'), 'utf8')).toBe('in the way\n')
    await workspaces.cleanup(workspace, minor, true)
    const commands = [...said.matchAll(/`(git restore [^`]+)`/g)].map(([, command]) => command!)
    expect(commands).toHaveLength(2)
    rmSync(join(repo, 'dir'))
    for (const command of commands) execSync(command, { cwd: repo })
    for (const [path, text] of Object.entries({ 'edited.txt': 'my edited\n', "it's [odd].txt": 'my odd\n', 'dir/new.txt': 'my new\n' }))
      expect(readFileSync(join(repo, path), 'utf8')).toBe(text)
    expect(readlinkSync(join(repo, 'link'))).toBe('nowhere/at all')
  })

  test('is never written through a link that leads out of the checkout', async () => {
    const repo = dirtyRepo()
    const outside = tempFolder()
    writeFiles(outside, { 'new.txt': 'not theirs\n' })
    const { said } = await run(repo, `rm -rf dir; ln -s '${outside}' dir`)
    expect(readFileSync(join(outside, 'new.txt'), 'utf8')).toBe('not theirs\n')
    expect(said).toMatch(/could not be put back \(dir\/new\.txt\)/)
  })

  test('is there although only the index had it, and git has thrown away what nothing points to', async () => {
    const repo = dirtyRepo()
    const before = standing(repo)
    await run(repo, 'git reset -q --hard; git reflog expire --expire=now --all; git gc -q --prune=now')
    expect(standing(repo)).toEqual(before)
    expect(git(repo, 'show', ':both.txt')).toBe('my first')
  })

  test('and git cannot write any more is told as what it is, each time', async () => {
    const repo = gitRepo({ '.gitattributes': '*.bin filter=x\n' })
    git(repo, 'config', 'filter.x.clean', 'cat')
    git(repo, 'config', 'filter.x.smudge', 'test ! -e .git/broken && cat')
    git(repo, 'config', 'filter.x.required', 'true')
    writeFiles(repo, { 'my.bin': 'my bin\n', 'my.txt': 'my text\n' })
    const { report, workspace, workspaces, said } = await run(repo, 'touch .git/broken; rm my.bin my.txt')
    expect(said).toMatch(/and were put back: my\.txt\. What was deleted on purpose goes for good with `rm -- my\.txt`\./)
    expect(said).toMatch(/could not be put back \(my\.bin\): .*`git restore --source=\S+ -- my\.bin`/)
    expect((await workspaces.collect(workspace, minor, true)).remarks).toEqual(report.remarks)
    rmSync(join(repo, '.git', 'broken'))
    await workspaces.collect(workspace, minor, true)
    expect(readFileSync(join(repo, 'my.bin'), 'utf8')).toBe('my bin\n')
  })

  test('in a repository without commits is put back, and in none', async () => {
    const repo = tempFolder()
    git(repo, 'init', '-q', '-b', 'main')
    writeFiles(repo, { 'my.txt': 'my text\n', 'staged.txt': 'my staged\n' })
    git(repo, 'add', 'staged.txt')
    const before = git(repo, 'status', '--porcelain')
    const { report } = await run(repo, `git add -A; git -c user.name=a -c user.email=a@b commit -q -m all; ${FREE}; rm my.txt staged.txt`)
    expect(report.files.map(({ path }) => path)).toEqual(['free.txt'])
    expect(git(repo, 'status', '--porcelain')).toBe(before)
  })

  test('by a move is put back, and the other name is told', async () => {
    const repo = dirtyRepo()
    const before = standing(repo)
    const { said } = await run(repo, 'mv edited.txt elsewhere.txt; cp dir/new.txt copy.txt; git add elsewhere.txt')
    expect(standing(repo)).toEqual(before)
    expect(said).toMatch(/committed under another name: dir\/new\.txt in copy\.txt, edited\.txt in elsewhere\.txt\./)
  })

  test('is put back with the rights that it had', async () => {
    const repo = gitRepo({ 'known.txt': 'k\n' })
    writeFiles(repo, { 'secret.txt': 's\n', 'run.sh': '#!/bin/sh\n', 'known.txt': 'mine\n' })
    chmodSync(join(repo, 'secret.txt'), 0o600)
    chmodSync(join(repo, 'run.sh'), 0o700)
    chmodSync(join(repo, 'known.txt'), 0o640)
    await run(repo, 'git clean -qfd; git checkout -q -- .')
    expect(['secret.txt', 'run.sh', 'known.txt'].map(name => lstatSync(join(repo, name)).mode & 0o777)).toEqual([0o600, 0o700, 0o640])
    expect(readFileSync(join(repo, 'known.txt'), 'utf8')).toBe('mine\n')
  })

  test('in a submodule comes back by the command in the note', async () => {
    const repo = gitRepo()
    const source = gitRepo({ 'x.txt': 'x\n' })
    git(repo, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', source, 'lib')
    git(repo, 'commit', '-q', '-m', 'lib')
    const inner = join(repo, 'lib')
    writeFiles(inner, { 'x.txt': 'mine\n' })
    const commit = '-c user.name=a -c user.email=a@b commit -q -a -m x'
    git(inner, ...commit.split(' '))
    const mine = git(inner, 'rev-parse', 'HEAD')
    const { said } = await run(repo, `cd lib; echo z >x.txt; git ${commit}; cd ..; git add -A; git commit -q -m all`)
    expect(said).not.toMatch(/git restore/)
    execSync(/`(git -C lib checkout [0-9a-f]+)`/.exec(said)![1]!, { cwd: repo, stdio: 'ignore' })
    expect(git(inner, 'rev-parse', 'HEAD')).toBe(mine)
  })

  test('of a repository inside, of which nothing is kept, is told', async () => {
    const repo = gitRepo()
    gitRepo({ 'x.txt': 'x\n' }, join(repo, 'inner'))
    mkdirSync(join(repo, 'plain'))
    const { said } = await run(repo, 'rm -rf inner')
    expect(said).toMatch(/repositories inside inner\/ are gone/)
  })
})

describe('a file that the user and the agent have both changed', () => {
  const LINES = 'one\ntwo\nthree\nfour\nfive\nsix\n'
  const shared = (users = LINES.replace('one', 'my one')) => {
    const repo = gitRepo({ 'a.txt': LINES, 'free.txt': 'f\n' })
    writeFiles(repo, { 'a.txt': users })
    return repo
  }
  const SIX = "sed 's/^six/agent six/' a.txt >.a; cat .a >a.txt; rm .a"

  test.each<[string, string]>([
    ['edits it beside the change', `${SIX}; git commit -q -am six`],
    ['stages all and amends', `echo x >free.txt; git commit -q -am six; ${SIX}; git add -A; git commit -q --amend --no-edit`],
    ['stashes the change meanwhile', `git stash -q; ${SIX}; git commit -q -am six; git stash pop -q`],
  ])('keeps the change of an agent that %s, without that of the user', async (_, commands) => {
    const repo = shared()
    const { report, said } = await run(repo, commands)
    expect(subjects(repo)).toEqual(['six', 'start'])
    expect(git(repo, 'show', 'main:a.txt')).toBe(LINES.replace('six', 'agent six').trim())
    expect(readFileSync(join(repo, 'a.txt'), 'utf8')).toBe(LINES.replace('one', 'my one').replace('six', 'agent six'))
    expect(git(repo, 'diff', '--cached', '--name-only')).toBe('')
    expect(git(repo, 'diff', '--numstat')).toBe('1\t1\ta.txt')
    expect(report.commits).toHaveLength(1)
    expect(said).not.toMatch(/They lost|no commit has it|deleted or reverted/)
  })

  test('loses the change of the agent where the two meet, and the note says so', async () => {
    const repo = shared(LINES.replace('six', 'my six'))
    const { said } = await run(
      repo,
      "sed 's/six/six of the agent/' a.txt >.a; cat .a >a.txt; rm .a; echo x >free.txt; git commit -q -am both",
    )
    expect(git(repo, 'show', 'main:a.txt')).toBe(LINES.trim())
    expect(git(repo, 'show', 'main:free.txt')).toBe('x')
    expect(readFileSync(join(repo, 'a.txt'), 'utf8')).toMatch(/my six of the agent/)
    expect(said).toMatch(/They lost their other changes of a\.txt too/)
    expect(said).not.toMatch(/not committed/)
  })

  test('and was staged otherwise by the user is not mixed up', async () => {
    const repo = shared(LINES.replace('one', 'my staged'))
    git(repo, 'add', 'a.txt')
    writeFiles(repo, { 'a.txt': LINES.replace('one', 'my one') })
    await run(repo, `${SIX}; git commit -q -m staged; git commit -q -am six`)
    expect(git(repo, 'log', '-p', 'main')).not.toMatch(/my staged|my one/)
  })

  test.each<[string, (repo: string) => void, string]>([
    ['deleted', repo => rmSync(join(repo, 'a.txt')), ''],
    ['edited', () => {}, 'rm a.txt; '],
  ])('keeps a folder of the agent in the place of what the user has %s', async (_, arrange, before) => {
    const repo = shared()
    arrange(repo)
    const { report, said } = await run(repo, `${before}mkdir a.txt; echo agent >a.txt/main.py; git add -A; git commit -q -m folder`)
    expect(git(repo, 'show', 'main:a.txt/main.py')).toBe('agent')
    expect(git(repo, 'status', '--porcelain')).toBe('')
    expect(report.commits).toHaveLength(1)
    expect(said).toMatch(/hold what you had done to a\.txt, and keep it: something else is in its place there/)
  })
})

describe('commits that are made again or taken off', () => {
  test('are named with their authors, and the commands of the note bring them back', async () => {
    const repo = gitRepo({ 'mine.txt': 'm\n' })
    writeFiles(repo, { 'mine.txt': "user's\n" })
    const commit = "-c user.name='A User' commit -q"
    const { said } = await run(
      repo,
      `git checkout -q -b wip; git ${commit} -a -m 'wip of mine'; git checkout -q main; echo x >x.txt; git add x.txt; git commit -q -m own; git checkout -q wip -- mine.txt; git ${commit} -m 'user: done'; git checkout -q HEAD~1 -- mine.txt; git rev-parse main wip >.git/were`,
    )
    const were = readFileSync(join(repo, '.git/were'), 'utf8').trim().split('\n')
    expect(subjects(repo)).toEqual(['own', 'start'])
    for (const [at, subject] of ['user: done', 'wip of mine'].entries())
      expect(said).toContain(`${were[at]!.slice(0, 7)} by A User, "${subject}" (taken off: nothing else was in it)`)
    expect(said).not.toMatch(/deleted or reverted/)
    const commands = [...said.matchAll(/`(git (?:reset|update-ref) [^`]+)`/g)].map(([, command]) => command!)
    expect(commands).toHaveLength(2)
    for (const command of commands) execSync(command, { cwd: repo, stdio: 'ignore' })
    expect(git(repo, 'rev-parse', 'main', 'wip').split('\n')).toEqual(were)
    expect(git(repo, 'status', '--porcelain')).toBe('')
    expect(readFileSync(join(repo, 'mine.txt'), 'utf8')).toBe("user's\n")
  })
})

test.each([
  ['resets the index', 'git reset -q'],
  ['stages it', 'git add named.txt'],
  ['commits it', `${FREE}; git add -A; git commit -q -m all`],
  ['removes it', 'git rm -q -f named.txt'],
  ['leaves it', ':'],
])('a file whose name alone the user had staged is so again when the agent %s', async (_, commands) => {
  const repo = gitRepo({ 'free.txt': 'free\n', 'mine.txt': 'm\n' })
  writeFiles(repo, { 'named.txt': 'my named\n', 'mine.txt': 'my own\n' })
  git(repo, 'add', '--intent-to-add', 'named.txt')
  await run(repo, commands)
  expect(git(repo, 'status', '--porcelain=v2', 'named.txt')).toMatch(/^1 \.A /)
  expect(readFileSync(join(repo, 'named.txt'), 'utf8')).toBe('my named\n')
  expect(holders(repo)).toEqual([])
})

test('a file whose name alone the user had staged is so again outside of a sparse checkout', async () => {
  const repo = gitRepo({ 'in/free.txt': 'free\n', 'out/far.txt': 'far\n' })
  git(repo, 'sparse-checkout', 'set', 'in')
  writeFiles(repo, { 'out/named.txt': 'my named\n' })
  git(repo, 'add', '--sparse', '--intent-to-add', 'out/named.txt')
  await run(repo, 'git reset -q')
  expect(git(repo, 'status', '--porcelain=v2', 'out/named.txt')).toMatch(/^1 \.A /)
})

test('a long history that the agent pulls is compared only in what the user has changed', async () => {
  const repo = gitRepo({ 'mine.txt': 'm\n', 'free.txt': 'free\n' })
  const other = tempFolder()
  git(repo, 'clone', '-q', '.', join(other, 'clone'))
  // Each of the commits adds a file, so that together they differ from the first in millions.
  const commits = Array.from(
    { length: 4_000 },
    (_, n) =>
      `commit refs/heads/main\ncommitter A <a@b.c> ${1_700_000_000 + n} +0000\ndata 1\nx\n${n === 0 ? 'from refs/heads/main^0\n' : ''}M 100644 inline many/${n}.txt\ndata 2\n${n % 10}\n`,
  )
  execFileSync('git', ['fast-import', '--quiet'], { cwd: join(other, 'clone'), input: commits.join('') })
  writeFiles(repo, { 'mine.txt': 'my own\n' })
  const { said, report } = await run(repo, `${FREE}; git commit -q -a -m all; git pull -q --no-rebase --no-edit '${other}/clone' main`)
  expect(said).toContain('mine.txt')
  expect(git(repo, 'log', '--format=%s', 'main', '--', 'mine.txt')).toBe('start')
  expect(git(repo, 'show', 'main:many/3999.txt')).toBe('9')
  expect(report.commits.length).toBeGreaterThan(400)
  expect(readFileSync(join(repo, 'mine.txt'), 'utf8')).toBe('my own\n')
})

test('commits that could not be made again are not said to have been', async () => {
  const repo = gitRepo({ 'mine.txt': 'm\n' })
  writeFiles(repo, { 'mine.txt': 'my own\n' })
  const { workspaces } = workspacesOf(repo, { dirtyInPlace: 'allow' })
  const workspace = await workspaces.prepare(minor)
  agent(repo, 'git commit -q -a -m all')
  const lock = join(repo, '.git/refs/heads/main.lock')
  // Somebody else holds the branch, and then puts it back.
  const holder = execFileSync('sh', ['-c', `exec 9>'${lock}'; (exec sleep 60 </dev/null >/dev/null 2>&1) & echo $!`], { encoding: 'utf8' })
  onTestFinished(() => void process.kill(Number(holder)))
  await expect(workspaces.collect(workspace, minor, true)).rejects.toMatchObject({ code: 'GIT_FAILED' })
  rmSync(lock)
  git(repo, 'reset', '-q', '--soft', 'HEAD~1')
  expect((await workspaces.collect(workspace, minor, true)).remarks.join('\n')).not.toMatch(/made again/)
})

test('an agent that leaves it alone hears nothing of it, and no ref stays', async () => {
  const repo = dirtyRepo()
  const before = standing(repo)
  const { report, workspace, workspaces } = await run(repo, `${FREE}; git commit -q -m own free.txt`)
  expect(report.remarks).toEqual([])
  expect(await workspaces.cleanup(workspace, minor, true)).toEqual({ kept: null, rescued: [] })
  expect(standing(repo)).toEqual(before)
  expect(rescueRefs(repo)).toEqual([])
})
