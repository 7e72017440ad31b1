import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Attack, type Part, verdict } from './frame.ts'
import type { Stage } from './stage.ts'

/** One attack: a task of this kind whose agent runs `agent`, in a repository that `arrange` made ready; `check` looks at what is there then. */
function row(
  name: string,
  complexity: 'major' | 'minor',
  agent: string,
  check: (stage: Stage, seen: Seen) => Promise<Record<string, boolean>> | Record<string, boolean>,
  arrange: (stage: Stage) => void = () => {},
): Attack {
  return {
    name,
    async run(stage) {
      arrange(stage)
      stage.shellAgent(`${agent}\nresult`)
      const id = await stage.task('Write a report', '--complexity', complexity)
      const { code } = await stage.single(complexity === 'minor' ? ['--dirty-in-place', 'allow'] : [])
      const { notes } = await stage.taskNow(id)
      const refs = lines(stage.git('for-each-ref', '--format=%(refname)', 'refs/agent-runner/'))
      const conditions = await check(stage, { notes, refs })
      return verdict({ 'the task ended well': code === 0, ...conditions }, `exit ${code}, kept: ${refs.length}`)
    },
  }
}

interface Seen {
  notes: string
  refs: string[]
}

const lines = (text: string) => text.split('\n').filter(Boolean)

/** Whether a file of this name and content is kept in one of the refs. */
function isKept(stage: Stage, refs: string[], path: string, text: string): boolean {
  return refs.some(ref => {
    try {
      return stage.git('show', `${ref}:${path}`) === text
    } catch {
      return false
    }
  })
}

const gone = (stage: Stage) => {
  const base = join(stage.repo, '.worktrees')
  return !existsSync(base) || readdirSync(base).length === 0
}

const commit = (stage: Stage, path: string, text: string) => {
  stage.write(`repo/${path}`, text)
  stage.git('add', '-A')
  stage.git('commit', '-q', '-m', path)
}

const hook = (name: string, body: string) => (stage: Stage) => {
  stage.write(`repo/.git/hooks/${name}`, `#!/bin/sh\n${body}\n`, 0o755)
}

/** The next minor task finds a checkout in which it may work. */
async function nextStarts(stage: Stage): Promise<boolean> {
  stage.shellAgent('echo next >next.txt; result')
  await stage.task('The next one', '--complexity', 'minor')
  return (await stage.single()).code === 0 && stage.git('status', '--porcelain') === ''
}

const IGNORED = 'mkdir -p out node_modules/a && echo text >out/report.md && echo a >node_modules/a/index.js'

/** Git of the agent's, which has no identity of its own. */
const COMMIT = 'git add -A && git -c user.name=a -c user.email=a@b commit -q -m'
const OWN = 'OWN=$(git symbolic-ref --short HEAD)'

/** Whether the branch that a note names holds all commits that it counts, so many; where it names none, refs of ours must. */
function holdsAll(stage: Stage, { notes, refs }: Seen, commits: number): boolean {
  const branch = /^- branch: (\S+), (\d+) commit/m.exec(notes)
  const shas = [...notes.matchAll(/^ {2}- ([0-9a-f]{10}) /gm)].map(([, sha]) => sha!)
  const holding = branch ? [`refs/heads/${branch[1]}`] : refs
  const isIn = (ref: string, sha: string) => stage.git('rev-list', ref).includes(sha)
  return shas.length === commits && shas.every(sha => holding.some(ref => isIn(ref, sha))) && (!branch || Number(branch[2]) === commits)
}

const named = (complexity: 'major' | 'minor', what: string, agent: string, commits: number, arrange?: (stage: Stage) => void) =>
  row(
    `the branch that is named holds what is counted: ${what}`,
    complexity,
    agent,
    (stage, seen) => ({ 'all that is counted is where the note says': holdsAll(stage, seen, commits) }),
    arrange,
  )
const library = (stage: Stage) => void stage.git('clone', '-q', '.', join(stage.folder, 'library'))
const withoutWorktrees = (stage: Stage) => void stage.write('repo/.git/worktrees', '')

const HIDDEN =
  'echo A >a.txt; echo B >b.txt; git update-index --assume-unchanged a.txt; git update-index --skip-worktree b.txt; git status --short | grep -q . && exit 1'
const HIDEABLE = (stage: Stage) => {
  commit(stage, 'a.txt', 'a\n')
  commit(stage, 'b.txt', 'b\n')
}
const hasHidden = (stage: Stage, branch = 'HEAD') =>
  stage.git('show', `${branch}:a.txt`) === 'A' && stage.git('show', `${branch}:b.txt`) === 'B'

/** What a run does to the checkout and the repository, beside the commits that it makes. */
export const evidence: Part = {
  name: 'evidence',
  attacks: [
    row(
      'output that .gitignore covers is kept before the worktree goes, build caches are not',
      'major',
      IGNORED,
      (stage, { notes, refs }) => ({
        'the worktree is gone': gone(stage),
        'the output is kept': isKept(stage, refs, 'out/report.md', 'text'),
        'the cache is not': refs.every(ref => !stage.git('ls-tree', '-r', '--name-only', ref).includes('node_modules')),
        'the note names it': notes.includes('out/report.md'),
      }),
      stage => commit(stage, '.gitignore', 'out/\nnode_modules/\n'),
    ),
    row('output that the agent itself made ignored is kept', 'major', `echo 'out/' >.gitignore; ${IGNORED}`, (stage, { notes, refs }) => ({
      'the output is kept': isKept(stage, refs, 'out/report.md', 'text'),
      'the note names it': notes.includes('out/report.md'),
    })),
    row(
      'a repository that the agent made inside is kept with its content, and restored with it',
      'major',
      'mkdir inner && cd inner && git init -q && echo inside >x.txt && git add -A && git -c user.name=a -c user.email=a@b commit -q -m x',
      async (stage, { notes, refs }) => {
        const restored = await stage.runner(['rescue', 'restore', refs[0]!.replace('refs/agent-runner/', ''), '--branch', 'back'])
        return {
          'the note says that the worktree stays': notes.includes('stays: there are repositories'),
          'the restored branch has the file': isKept(stage, ['back'], 'inner/x.txt', 'inside'),
          'it was called whole, and is': restored.output.includes('✔') && !stage.git('ls-tree', '-r', 'back').includes('160000'),
        }
      },
    ),
    row(
      'a clone of another repository that nothing was done in is said to go with the worktree',
      'major',
      'git clone -q ../../../library lib',
      (stage, { notes }) => ({
        'the worktree is gone': gone(stage),
        'the note says so': /go with the worktree and can be cloned again: lib \(from \S*library\)/.test(notes),
      }),
      library,
    ),
    row(
      'a clone with work in its stash keeps the worktree',
      'major',
      'git clone -q ../../../library lib && cd lib && echo x >README.md && git -c user.name=a -c user.email=a@b stash -q',
      (stage, { notes }) => ({
        'the worktree stays': !gone(stage),
        'the note says so': notes.includes('repositories with work of their own in it: lib'),
      }),
      library,
    ),
    row(
      'a worktree that the agent makes elsewhere is told, and what is uncommitted in it is kept',
      'major',
      'git worktree add -q ../../../elsewhere -b side && echo open >../../../elsewhere/open.txt',
      (stage, { notes, refs }) => ({
        'the note names it': /worktree \S*\/elsewhere \(on side\) came while the agent worked: open\.txt is in no commit/.test(notes),
        'the note names its branch': notes.includes('New branches came while the agent worked: side'),
        'the file is kept': isKept(stage, refs, 'open.txt', 'open'),
      }),
    ),
    row(
      'so is one that it makes among ours, on no branch, with a commit',
      'major',
      `git worktree add -q --detach ../mine && cd ../mine && echo loose >loose.txt && ${COMMIT} loose`,
      (stage, { notes, refs }) => ({
        'the note names it': /worktree \S*\/mine \(on no branch\) came/.test(notes),
        'the commit is kept': isKept(stage, refs, 'loose.txt', 'loose'),
      }),
    ),
    row(
      'a worktree that the agent makes of a clone is told, and kept in the repository',
      'major',
      'git worktree add -q ../elsewhere -b side && echo open >../elsewhere/open.txt',
      (stage, { notes, refs }) => ({
        'the note names it': /elsewhere \(on side\) belongs to the clone/.test(notes),
        'the file is kept': isKept(stage, refs, 'open.txt', 'open'),
      }),
      withoutWorktrees,
    ),
    row(
      'tags that the agent makes, moves and deletes are told and kept, and branches named like ours are told',
      'major',
      'git tag new; git tag -f moves HEAD; git tag -d goes; git branch feature/task-77',
      (stage, { notes, refs }) => ({
        'the note tells of all': [
          /New tags .*: new\./,
          /The tag moves moved/,
          /The tag goes \(\w{12}\) was deleted/,
          /New branches .*: feature\/task-77/,
        ].every(one => one.test(notes)),
        'what they held is kept': isKept(stage, refs, 'moves.txt', 'moves') && isKept(stage, refs, 'goes.txt', 'goes'),
      }),
      stage => {
        for (const name of ['moves', 'goes']) {
          stage.git('checkout', '-q', '--detach', 'main')
          commit(stage, `${name}.txt`, `${name}\n`)
          stage.git('tag', name)
        }
        stage.git('checkout', '-q', 'main')
      },
    ),
    row(
      'work that is left in git stash is kept and told',
      'major',
      'echo stashed >new.txt && git stash -u -q',
      async (stage, { notes, refs }) => ({
        'the work is kept': isKept(stage, refs, 'new.txt', 'stashed'),
        'the note tells of it': notes.includes('git stash'),
        'rescue list shows it': (await stage.runner(['rescue', 'list'])).output.includes('new.txt'),
      }),
    ),
    row(
      "the user's stash and branch, thrown away by the agent, are kept and told",
      'major',
      'git stash clear; git branch -q -D precious',
      (stage, { notes, refs }) => ({
        'the stash is kept': isKept(stage, refs, 'README.md', 'stashed by the user'),
        'the branch is kept': isKept(stage, refs, 'precious.txt', 'precious'),
        'the note tells of both': notes.includes('`git stash` before the agent began') && notes.includes('precious was deleted'),
      }),
      stage => {
        stage.git('checkout', '-q', '-b', 'precious')
        commit(stage, 'precious.txt', 'precious\n')
        stage.git('checkout', '-q', 'main')
        stage.write('repo/README.md', 'stashed by the user\n')
        stage.git('stash', '-q')
      },
    ),
    named('major', 'HEAD taken off it', `git checkout -q --detach; echo x >x.txt; ${COMMIT} one`, 1),
    named('major', 'deleted', `${OWN}; git checkout -q --detach; git branch -q -D $OWN; echo x >x.txt; ${COMMIT} one; echo y >y.txt`, 2),
    named('major', 'HEAD apart', `echo a >a.txt; ${COMMIT} a; git checkout -q --detach HEAD^; echo x >x.txt; ${COMMIT} one`, 1),
    named('major', 'renamed', `git branch -q -m mine; echo x >x.txt; ${COMMIT} one`, 1),
    named('major', 'another one beside', `echo a >a.txt; ${COMMIT} a; git checkout -q -b mine HEAD^; echo x >x.txt; ${COMMIT} one`, 1),
    named(
      'major',
      'deleted, with the worktree',
      `${OWN}; git checkout -q --detach; git branch -q -D $OWN; echo x >x.txt; ${COMMIT} one; rm -rf "$PWD"`,
      1,
    ),
    named('major', 'deleted in a clone', `${OWN}; git checkout -q --detach; git branch -q -D $OWN; echo x >x.txt`, 1, withoutWorktrees),
    named('minor', 'deleted in place', `git checkout -q --detach; git branch -q -D main; echo x >x.txt; ${COMMIT} one`, 1),
    {
      name: 'a worktree, branch and commits that are all gone are not done',
      async run(stage) {
        stage.shellAgent(
          `${OWN}; echo x >x.txt; ${COMMIT} one; git checkout -q --detach; git branch -q -D $OWN; cd ../..; git worktree remove --force .worktrees/*; result`,
        )
        const id = await stage.task('Write a report', '--complexity', 'major')
        const { code } = await stage.single()
        const { status, notes } = await stage.taskNow(id)
        const told = notes.includes('There is no worktree in')
        return verdict({ 'it is not done': status !== 'dev_done' && code !== 0, 'the note says why': told }, `exit ${code}, ${status}`)
      },
    },
    row(
      'files in the main checkout, settings and hooks that an agent in a worktree changes are told, the last two put back',
      'major',
      'cd ../.. && echo x >stray.txt && git config core.hooksPath elsewhere && echo x >.git/hooks/pre-push',
      (stage, { notes }) => ({
        'the file is named': notes.includes('stray.txt'),
        'the setting is named': notes.includes('core.hookspath'),
        'the hook is named': notes.includes('hooks/pre-push'),
        'and it is not there': !existsSync(join(stage.repo, '.git/hooks/pre-push')),
      }),
    ),
    row(
      "the user's uncommitted work is in no commit, though the agent says git add -A; git commit",
      'minor',
      'echo agent >agent.txt; git add -A; git -c user.name=a -c user.email=a@b commit -q -m all; git rm -q --cached mine.txt; git -c user.name=a -c user.email=a@b commit -q -m less',
      (stage, { notes }) => ({
        'no commit has it': !stage.git('log', '--format=', '--name-only', '-m', 'main').includes('mine.txt'),
        "the agent's is committed": stage.git('show', 'main:agent.txt') === 'agent',
        'it is there as it was': stage.git('status', '--porcelain').includes('?? mine.txt'),
        'the note tells of it': notes.includes('uncommitted changes of yours'),
      }),
      stage => void stage.write('repo/mine.txt', "the user's\n"),
    ),
    row(
      'nor when a hook stages everything, nor with a name that is no UTF-8',
      'minor',
      'echo agent >agent.txt',
      stage => ({
        'only the agent is committed': lines(stage.git('diff', '--name-only', 'HEAD^', 'HEAD')).join() === 'agent.txt',
        'the file is there': lines(stage.git('status', '--porcelain')).length === 1,
      }),
      stage => {
        hook('pre-commit', 'git add -A')(stage)
        stage.git('config', 'core.precomposeUnicode', 'false')
        stage.git('-c', 'alias.x=!printf mine >"$(printf "gr\\374\\337e.txt")"', 'x')
      },
    ),
    row(
      'a formatter hook that mends files and refuses: its work is committed, and the next task starts clean',
      'minor',
      'printf "text   \\n" >work.txt',
      async stage => ({
        'what it mended is committed': stage.git('show', 'main:work.txt') === 'text',
        'the next task starts': await nextStarts(stage),
      }),
      hook('pre-commit', 'test -f work.txt && grep -q " $" work.txt || exit 0; sed -i "s/ *$//" work.txt; exit 1'),
    ),
    row(
      'hooks that always fail, and litter before and after the commit, cost no work and leave nothing',
      'minor',
      'echo work >work.txt',
      async stage => ({
        'the work is committed': stage.git('show', 'main:work.txt') === 'work',
        'the next task starts': await nextStarts(stage),
      }),
      stage => {
        hook('pre-commit', 'echo $$ >>lint.log; exit 1')(stage)
        hook('post-commit', 'echo $$ >>after.log')(stage)
      },
    ),
    row(
      'line endings that only look changed are committed by no task',
      'major',
      'touch -d 2099-01-01 a.txt',
      (stage, { refs }) => ({
        'no commit was made': stage.git('log', '--format=%s', '--branches') === 'attributes\na.txt\nstart',
        'nothing is kept': refs.length === 0,
      }),
      stage => {
        commit(stage, 'a.txt', 'one\r\ntwo\r\n')
        stage.write('repo/.gitattributes', '*.txt text eol=lf\n')
        stage.git('add', '.gitattributes')
        stage.git('commit', '-q', '-m', 'attributes', '.gitattributes')
      },
    ),
    row(
      'changes that the agent hides from git by flags of the index are committed, and not deleted with the worktree',
      'major',
      HIDDEN,
      (stage, { notes }) => ({
        'the worktree is gone': gone(stage),
        'all of it is committed': hasHidden(stage, /^- branch: (\S+),/m.exec(notes)?.[1]),
      }),
      HIDEABLE,
    ),
    row(
      'so are they in a clone',
      'major',
      HIDDEN,
      (stage, { notes }) => ({ 'all of it is committed': hasHidden(stage, /^- branch: (\S+),/m.exec(notes)?.[1]) }),
      stage => {
        HIDEABLE(stage)
        withoutWorktrees(stage)
      },
    ),
    row(
      'and in place',
      'minor',
      HIDDEN,
      stage => ({
        'all of it is committed': hasHidden(stage, 'main'),
        'nothing is left': stage.git('status', '--porcelain') === '',
      }),
      HIDEABLE,
    ),
    ...[
      'git reset -q --hard',
      'git update-index --no-skip-worktree b.txt; git update-index --no-assume-unchanged a.txt; git checkout -q .',
    ].map(agent =>
      row(
        `changes that the user hides from git by such flags are put back: ${agent}`,
        'minor',
        agent,
        (stage, { notes }) => ({
          'they are there': stage.git('hash-object', 'a.txt', 'b.txt') === stage.git('hash-object', 'user-a', 'user-b'),
          'the flags too': stage.git('ls-files', '-v', 'a.txt', 'b.txt') === 'h a.txt\nS b.txt',
          'the note tells of it': notes.includes('were put back: a.txt'),
        }),
        stage => {
          HIDEABLE(stage)
          for (const [name, flag] of [
            ['a', '--assume-unchanged'],
            ['b', '--skip-worktree'],
          ]) {
            for (const path of [`${name}.txt`, `user-${name}`]) stage.write(`repo/${path}`, `${name} of the user\n`)
            stage.git('update-index', flag!, `${name}.txt`)
          }
          stage.write('repo/.git/info/exclude', 'user-*\n')
        },
      ),
    ),
    row(
      'in a sparse checkout what is written outside of the cone is committed, and nothing there is deleted',
      'minor',
      'mkdir -p out; echo new >out/new.txt',
      stage => ({
        'the new file is committed': stage.git('show', 'main:out/new.txt') === 'new',
        'the old one is still there': stage.git('show', 'main:out/b.txt') === 'b',
      }),
      stage => {
        commit(stage, 'in/a.txt', 'a\n')
        commit(stage, 'out/b.txt', 'b\n')
        stage.git('sparse-checkout', 'set', 'in')
      },
    ),
  ],
}
