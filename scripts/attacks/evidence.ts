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
    row(
      'files in the main checkout, settings and hooks that an agent in a worktree changes are told',
      'major',
      'cd ../.. && echo x >stray.txt && git config core.hooksPath elsewhere && echo x >.git/hooks/pre-push',
      (_, { notes }) => ({
        'the file is named': notes.includes('stray.txt'),
        'the setting is named': notes.includes('core.hookspath'),
        'the hook is named': notes.includes('hooks/pre-push'),
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
