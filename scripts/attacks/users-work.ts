import { existsSync, lstatSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Attack, type Part, verdict } from './frame.ts'
import type { Stage } from './stage.ts'

const COMMIT = 'git -c user.name=a -c user.email=a@b commit -q'

/** Work of the user that is in no commit: edited, staged, staged and edited again, deleted, new, executable, a link, a name that is no UTF-8. */
function leaveWork(stage: Stage): void {
  for (const name of ['edited', 'staged', 'both', 'deleted', 'free']) stage.write(`repo/${name}.txt`, `${name}\n`)
  stage.git('add', '-A')
  stage.git('commit', '-q', '-m', 'base')
  stage.write('repo/staged.txt', 'my staged\n')
  stage.write('repo/both.txt', 'my first\n')
  stage.git('add', '-A')
  stage.write('repo/both.txt', 'my second\n')
  stage.write('repo/edited.txt', 'my edited\n')
  stage.write('repo/new/notes.txt', 'my notes\n')
  stage.write('repo/run.sh', '#!/bin/sh\n', 0o755)
  symlinkSync('edited.txt', join(stage.repo, 'link'))
  stage.git('-c', 'alias.x=!printf mine >"$(printf "gr\\374\\337e.txt")"', 'x')
  rmSync(join(stage.repo, 'deleted.txt'))
}

/** How that work stands: what git says of it, and the files themselves. */
function standing(stage: Stage): string {
  const file = (path: string) => (existsSync(join(stage.repo, path)) ? readFileSync(join(stage.repo, path), 'utf8') : null)
  const files = ['edited.txt', 'staged.txt', 'both.txt', 'deleted.txt', 'new/notes.txt'].map(file)
  const mode = lstatSync(join(stage.repo, 'run.sh'), { throwIfNoEntry: false })?.mode
  const link = existsSync(join(stage.repo, 'link')) ? readlinkSync(join(stage.repo, 'link')) : null
  const users = stage.git('ls-files', '-s', '--', 'edited.txt', 'staged.txt', 'both.txt', 'deleted.txt')
  return JSON.stringify([stage.git('status', '--porcelain', '-uall'), users, files, mode, link])
}

/** The branches and tags in whose history something of it is. */
function holders(stage: Stage): string[] {
  const refs = stage.git('for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/tags').split('\n')
  return refs.filter(
    ref => /notes\.txt|run\.sh|link/.test(stage.git('log', '--format=', '--name-only', '-m', '--root', ref)) || edits(stage, ref),
  )
}

const edits = (stage: Stage, ref: string) => stage.git('log', '--format=%H', '-S', 'my ', ref, '--').trim() !== ''

/** A minor task whose agent runs `agent` beside the user's work; afterwards that work stands as it stood, and nothing has it. */
function beside(
  name: string,
  agent: string,
  check: (stage: Stage, notes: string) => Record<string, boolean>,
  arrange: (stage: Stage) => void = () => {},
): Attack {
  return {
    name,
    async run(stage) {
      leaveWork(stage)
      arrange(stage)
      const before = standing(stage)
      stage.shellAgent(`${agent}\nresult`)
      const id = await stage.task('Write it', '--complexity', 'minor')
      const { code } = await stage.single(['--dirty-in-place', 'allow'])
      const { notes } = await stage.taskNow(id)
      const after = standing(stage)
      const having = holders(stage)
      return verdict(
        {
          'the task ended well': code === 0,
          "the user's work stands as it stood": before === after,
          'no branch and no tag has it': having.length === 0,
          'the note tells of it': /(?:changes|work) of yours/.test(notes),
          ...check(stage, notes),
        },
        `exit ${code}${before === after ? '' : `, now ${after}`}${having.length > 0 ? `, in ${having.join(', ')}` : ''}`,
      )
    },
  }
}

const subjects = (stage: Stage, ref = 'main') => stage.git('log', '--format=%s', ref, '--').split('\n').join()
const isBack = (stage: Stage) => ({ 'main is where it was': subjects(stage) === 'base,start' })
const hasFree = (stage: Stage, ref = 'main') => stage.git('show', `${ref}:free.txt`) === 'by the agent'
const FREE = 'echo by the agent >free.txt'

/** What an agent that works in place does to what the user has not committed. */
export const usersWork: Part = {
  name: 'users-work',
  attacks: [
    beside(
      'git commit --amend takes the work of the user into the last commit',
      `${FREE}; git add -A; ${COMMIT} --amend --no-edit`,
      stage => ({
        'the amended commit has what the agent did': hasFree(stage) && subjects(stage) === 'base,start',
      }),
    ),
    beside('an amended commit that holds nothing else', `git add -A; ${COMMIT} --amend --no-edit`, isBack),
    beside('amended twice', `git add -A; ${COMMIT} --amend --no-edit; ${FREE}; ${COMMIT} -a --amend --no-edit`, stage => ({
      'the amended commit has what the agent did': hasFree(stage) && subjects(stage) === 'base,start',
    })),
    beside(
      'git reset --soft, and all of it in one new commit',
      `${FREE}; git add -A; git reset -q --soft HEAD~1; ${COMMIT} -m squashed`,
      stage => ({
        'the new commit has what the agent did': hasFree(stage) && subjects(stage) === 'squashed,start',
        'and what was in the last one': stage.git('show', 'main:both.txt') === 'both',
      }),
    ),
    beside(
      'commits of its own, rebased',
      `${FREE}; git add -A; ${COMMIT} -m one; echo x >x.txt; git add x.txt; ${COMMIT} -m two; GIT_SEQUENCE_EDITOR="sed -i 2s/pick/fixup/" git -c user.name=a -c user.email=a@b rebase -q -i HEAD~2`,
      stage => ({ 'the commit of the agent is there': hasFree(stage) && subjects(stage) === 'one,base,start' }),
    ),
    beside(
      'a merge of a branch that has it',
      `git checkout -q -b side; git add -A; ${COMMIT} -m side; git checkout -q main; ${FREE}; git add free.txt; ${COMMIT} -m mine; git -c user.name=a -c user.email=a@b merge -q --no-edit side`,
      stage => ({ 'the commit of the agent is there': hasFree(stage) }),
    ),
    beside(
      'a commit on another branch, and back',
      `git checkout -q -b other; ${FREE}; git add -A; ${COMMIT} -m other; git checkout -q main`,
      stage => ({
        ...isBack(stage),
        'the other branch has what the agent did': hasFree(stage, 'other') && subjects(stage, 'other') === 'other,base,start',
      }),
    ),
    beside('a commit that got a branch and a tag more', `${FREE}; git add -A; ${COMMIT} -m all; git branch copy; git tag v1`, stage => ({
      'all have the same': stage
        .git('rev-parse', 'copy', 'v1', 'main')
        .split('\n')
        .every((sha, _, all) => sha === all[0]),
    })),
    beside(
      'stashed, and a branch made of the stash',
      `git stash -q -u; git stash branch from-stash -q; git add -A; ${COMMIT} -m stashed; git checkout -q main`,
      isBack,
    ),
    beside('stashed, and the stash merged', `git stash -q -u; git -c user.name=a -c user.email=a@b merge -q --no-edit stash@{0}`, isBack),
    beside('stashed and left there', `git stash -q -u; ${FREE}; ${COMMIT} -a -m mine`, stage => ({
      'the commit of the agent is there': hasFree(stage) && subjects(stage) === 'mine,base,start',
    })),
    beside('git reset --hard and git clean -fd', `git reset -q --hard; git clean -qfd; ${FREE}`, stage => ({
      'the work of the agent is committed': hasFree(stage),
    })),
    beside('git checkout -- . and git reset', `git checkout -q -- .; git reset -q; rm -rf new run.sh link gr*; ${FREE}`, stage => ({
      'the work of the agent is committed': hasFree(stage),
    })),
    beside('git restore of files and index', 'git restore --staged --worktree .', isBack),
    beside('committed, and thrown away with the commit', `git add -A; ${COMMIT} -m all; git reset -q --hard HEAD~1`, isBack),
    beside('wiped, by an agent that fails in the end', `git reset -q --hard; git clean -qfd; ${FREE}; git stash -q`, isBack),
    {
      name: 'commits from before the run that only a tag has, with what is uncommitted now: the tag stays as it was',
      async run(stage) {
        stage.write('repo/notes.txt', 'my notes\n')
        stage.git('checkout', '-q', '--detach')
        stage.git('add', '-A')
        stage.git('commit', '-q', '-m', 'my own')
        stage.git('tag', 'plain')
        stage.git('tag', '-a', '-m', 'old', 'old')
        stage.git('checkout', '-q', 'main')
        stage.write('repo/notes.txt', 'my notes\n')
        const before = stage.git('show-ref', '--tags')
        stage.shellAgent(`git checkout -q -f old; git checkout -q main; ${FREE}; result`)
        const id = await stage.task('Write it', '--complexity', 'minor')
        const { code } = await stage.single(['--dirty-in-place', 'allow'])
        const { notes } = await stage.taskNow(id)
        const after = stage.git('show-ref', '--tags')
        return verdict(
          {
            'the task ended well': code === 0,
            'the tags stand': before === after,
            'nothing is said of them': !/made again without/.test(notes),
          },
          `exit ${code}`,
        )
      },
    },
    {
      name: 'a file of the user, edited by the agent, keeps both versions: the command in the note brings the old one back',
      async run(stage) {
        leaveWork(stage)
        stage.shellAgent(`echo by the agent >edited.txt; rm -rf new; echo in the way >new; git add -A; ${COMMIT} -m all; result`)
        const id = await stage.task('Write it', '--complexity', 'minor')
        const { code } = await stage.single(['--dirty-in-place', 'allow'])
        const { notes } = await stage.taskNow(id)
        const ref = /git restore --source=(refs\/agent-runner\/\S+\/start) -- /.exec(notes)?.[1] ?? ''
        const agents = readFileSync(join(stage.repo, 'edited.txt'), 'utf8')
        if (ref !== '') {
          rmSync(join(stage.repo, 'new'), { force: true })
          stage.git('restore', `--source=${ref}`, '--', 'edited.txt', 'new/notes.txt')
        }
        const back = readFileSync(join(stage.repo, 'edited.txt'), 'utf8')
        return verdict(
          {
            'the task ended well': code === 0,
            "the agent's version stayed": agents === 'by the agent\n',
            'the note says how to get the old one': ref !== '' && /deleted or reverted/.test(notes),
            'and so it comes back': back === 'my edited\n' && existsSync(join(stage.repo, 'new/notes.txt')),
          },
          `exit ${code}, ${ref}`,
        )
      },
    },
  ],
}
