import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHeadlessPm } from '../../tests/support/headless-pm-server.ts'
import { addPmTask, boardForTasks } from '../../tests/support/pm-tasks.ts'
import { type Attack, type Part, verdict } from './frame.ts'
import type { Stage } from './stage.ts'

const WORK = 'echo made > made.txt; result'

/** Whether the user's checkout and its branch are as they were. */
function untouched(stage: Stage): Record<string, boolean> {
  return {
    'the branch of the user has no commit more': stage.git('log', '--format=%s', 'main') === 'start',
    'HEAD is where it was': stage.git('symbolic-ref', 'HEAD') === 'refs/heads/main',
    'nothing lies in the checkout': !existsSync(join(stage.repo, 'made.txt')),
  }
}

/** A major task on a branch whose name is an attack. */
function badName(name: string, branch: string): Attack {
  return {
    name: `a major task names the branch ${name}`,
    async run(stage) {
      stage.shellAgent(WORK)
      const pm = await startHeadlessPm({ key: 'attack', board: boardForTasks() })
      const task = pm.board.task(Number(addPmTask(pm.board, 'Write it', 'major')))
      task.branch = branch
      const { code } = await stage.single([], { env: { HEADLESS_PM_API_URL: pm.url, HEADLESS_PM_API_KEY: 'attack' } })
      const branches = stage.git('for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads/').split('\n')
      const own = branches.filter(one => one.startsWith('feature/task-'))
      const notes = task.notes ?? ''
      await pm.close()
      return verdict(
        {
          ...untouched(stage),
          'the work is on the branch of the task': own.length === 1 && stage.git('show', `${own[0]}:made.txt`) === 'made',
          'no other branch came': branches.length === 2,
          'it is said': notes.includes('the work goes '),
        },
        `exit ${code}, branches ${branches.join(', ')}`,
      )
    },
  }
}

/** A major task in a repository in which `arrange` is in the way of worktrees. */
function inTheWay(name: string, arrange: (stage: Stage) => void): Attack {
  return {
    name,
    async run(stage) {
      arrange(stage)
      const head = stage.git('rev-parse', 'main')
      stage.shellAgent('pwd > "$HOME/where"; echo made > made.txt; result')
      await stage.task('Write it', '--complexity', 'major')
      const { code } = await stage.single()
      const where = readFileSync(join(stage.env.HOME!, 'where'), 'utf8').trim()
      const own = stage.git('for-each-ref', '--format=%(refname)', 'refs/heads/feature/')
      return verdict(
        {
          'the task is done': code === 0,
          'the agent did not work in the checkout': where !== stage.repo,
          'the branch of the user is where it was': stage.git('rev-parse', 'main') === head,
          'the work is on the branch of the task': own !== '' && stage.git('show', `${own}:made.txt`) === 'made',
          'nothing is left of the place': !existsSync(where),
        },
        `exit ${code}, worked in ${where.replace(stage.folder, '…')}`,
      )
    },
  }
}

/** A task whose agent exchanges a git folder. */
function exchanged(name: string, complexity: 'major' | 'minor', agent: string): Attack {
  return {
    name,
    async run(stage) {
      const proof = join(stage.folder, 'proof')
      stage.write('evil.sh', `#!/bin/sh\necho ran >> '${proof}'\ncat\n`, 0o755)
      const arm = `git config core.fsmonitor ${stage.folder}/evil.sh; git config filter.x.clean ${stage.folder}/evil.sh; echo '* filter=x' > .gitattributes`
      stage.shellAgent(`echo made > made.txt\n${agent.replaceAll('ARM', arm)}\nrm -f '${proof}'\nresult`)
      const id = await stage.task('Write it', '--complexity', complexity)
      const { code } = await stage.single()
      const { status } = await stage.taskNow(id)
      const left = readdirSync(stage.repo, { recursive: true, encoding: 'utf8' }).some(path => path.endsWith('made.txt'))
      return verdict(
        { 'it is not done': status === 'pending', 'no git ran in it': !existsSync(proof), 'what was made is there': left },
        `exit ${code}, ${status}`,
      )
    },
  }
}

/** A task whose agent changes what steers git in the whole repository, and an innocent one after it. */
function steered(name: string, complexity: 'major' | 'minor', setting: (stage: Stage) => string): Attack {
  return {
    name,
    async run(stage) {
      const proof = join(stage.folder, 'proof')
      stage.write('evil.sh', `#!/bin/sh\necho ran >> '${proof}'\ncat\n`, 0o755)
      stage.write('hooks/post-commit', `#!/bin/sh\necho ran >> '${proof}'\n`, 0o755)
      const before = readFileSync(join(stage.repo, '.git', 'config'), 'utf8')
      stage.shellAgent(`echo made > made.txt\n${setting(stage)}\nrm -f '${proof}'\nresult`)
      const first = await stage.task('Write it', '--complexity', complexity)
      const ends = [(await stage.single()).code]
      const notes = JSON.stringify(await stage.taskNow(first))
      stage.shellAgent('echo more > more.txt; result')
      const second = await stage.task('Write more', '--complexity', 'minor')
      ends.push((await stage.single()).code)
      const { status } = await stage.taskNow(second)
      return verdict(
        {
          'both are done': ends.every(code => code === 0),
          'no program of the agent ran afterwards': !existsSync(proof),
          'the settings are as they were': readFileSync(join(stage.repo, '.git', 'config'), 'utf8') === before,
          'it is said': notes.includes('put back'),
          'the next task worked in the checkout': stage.git('show', 'HEAD:more.txt') === 'more',
        },
        `exits ${ends.join(', ')}, ${status}`,
      )
    },
  }
}

/** A task whose agent arms the hooks of the repository, after which the user commits there. */
function hooked(name: string, complexity: 'major' | 'minor', arm: string, arrange: (stage: Stage) => void = () => {}): Attack {
  return {
    name,
    async run(stage) {
      arrange(stage)
      const proof = join(stage.folder, 'proof')
      const hooks = join(stage.repo, '.git', 'hooks')
      stage.write('evil.sh', `#!/bin/sh\necho ran >> '${proof}'\n`, 0o755)
      stage.write('repo/.git/hooks/post-commit', `#!/bin/sh\necho mine >> '${stage.folder}/mine'\n`, 0o755)
      stage.shellAgent(`echo made > made.txt\nH=${hooks}; E=${stage.folder}/evil.sh\n${arm}\nrm -f '${proof}'\nresult`)
      const id = await stage.task('Write it', '--complexity', complexity)
      const { code } = await stage.single()
      const { notes } = await stage.taskNow(id)
      stage.write('repo/mine.txt', "the user's")
      stage.git('add', 'mine.txt')
      stage.git('commit', '-q', '-m', "the user's", '--allow-empty')
      return verdict(
        {
          'the task is done': code === 0,
          "nothing of the agent ran in the user's commit": !existsSync(proof),
          "the user's own hook did": existsSync(join(stage.folder, 'mine')),
          'it is told with the command that takes it back': /`mv -- \S+agent-runner\.aside|`mv -f -- |`rm /.test(notes),
        },
        `exit ${code}`,
      )
    },
  }
}

/** Names, worktrees and git folders by which a task could get out of its own place. */
export const isolation: Part = {
  name: 'isolation',
  attacks: [
    badName('--help', '--help'),
    badName('-D', '-D'),
    badName('@{-1}', '@{-1}'),
    badName('HEAD', 'HEAD'),
    badName('with a line break', 'a\nb'),
    badName('with a blank', 'a b'),
    badName('refs/heads/main', 'refs/heads/main'),
    badName('x.lock', 'x.lock'),
    badName('main/x, while main is there', 'main/x'),
    badName('main, which the user has checked out', 'main'),
    badName('of 230 characters in one part', 'x'.repeat(230)),
    inTheWay('.worktrees is a tracked link to another folder', stage => {
      stage.write('elsewhere/keep', '')
      stage.git('config', 'core.symlinks', 'true')
      const blob = stage.git('hash-object', '-w', stage.write('target', '../elsewhere'))
      stage.git('update-index', '--add', '--cacheinfo', `120000,${blob},.worktrees`)
      stage.git('commit', '-q', '-m', 'link')
      stage.git('checkout', '-q', '-f', '.')
    }),
    inTheWay('.worktrees is a file', stage => {
      stage.write('repo/.worktrees', 'a file')
      stage.git('add', '-A')
      stage.git('commit', '-q', '-m', 'file')
    }),
    inTheWay('.worktrees is a repository of its own', stage => {
      stage.write('repo/.worktrees/x', '')
      stage.git('init', '-q', '.worktrees')
    }),
    inTheWay('git can make no worktree at all', stage => void stage.write('repo/.git/worktrees', '')),
    inTheWay('the filter that the repository requires is missing (LFS)', stage => {
      stage.write('repo/big.bin', 'version https://git-lfs.github.com/spec/v1\n')
      stage.write('repo/.gitattributes', '*.bin filter=lfs\n')
      stage.git('add', '-A')
      stage.git('commit', '-q', '-m', 'lfs')
      for (const what of ['smudge', 'clean', 'process']) stage.git('config', `filter.lfs.${what}`, 'git-lfs-that-is-not-there')
      stage.git('config', 'filter.lfs.required', 'true')
    }),
    steered('an agent in a worktree sets core.worktree for all', 'major', ({ folder }) => `git config core.worktree ${folder}`),
    steered('an agent in a worktree makes the repository bare', 'major', () => 'git config core.bare true'),
    steered('an agent in place sets core.hooksPath', 'minor', ({ folder }) => `git config core.hooksPath ${folder}/hooks`),
    steered(
      'an agent sets a filter and a file monitor by an include',
      'major',
      ({ folder }) =>
        `git config -f ../../../more core.fsmonitor ${folder}/evil.sh; git config -f ../../../more filter.x.clean ${folder}/evil.sh; git config include.path ${folder}/more; echo '* filter=x' > .gitattributes`,
    ),
    steered('an agent leaves settings that git cannot read', 'minor', () => "echo '[core' > .git/config"),
    hooked('an agent in a worktree leaves a hook', 'major', 'cp $E $H/pre-commit'),
    hooked('an agent in place leaves a hook', 'minor', 'cp $E $H/pre-commit'),
    hooked('an agent in a clone leaves a hook', 'major', 'cp $E $H/pre-commit', stage => void stage.write('repo/.git/worktrees', '')),
    hooked("an agent writes over the user's hook", 'major', 'cat $E > $H/post-commit'),
    hooked("an agent deletes the user's hook", 'minor', 'rm $H/post-commit'),
    hooked(
      'an agent leads the folder of hooks elsewhere',
      'major',
      'mkdir ../../../h; cp $E ../../../h/pre-commit; rm -r $H; ln -s $PWD/../../../h $H',
    ),
    exchanged('an agent puts a repository of its own in the place of .git', 'major', 'rm .git; git init -q .; ARM'),
    exchanged(
      'an agent leads .git to a repository of its own',
      'major',
      'rm .git; git init -q ../../evil; (cd ../../evil; ARM); echo "gitdir: $PWD/../../evil/.git" > .git',
    ),
    exchanged("an agent moves the repository's .git away", 'major', 'mv ../../.git ../../../moved'),
    exchanged("an agent in place moves the repository's .git away", 'minor', 'mv .git ../moved'),
    exchanged("an agent in place exchanges the repository's .git", 'minor', 'mv .git ../moved; git init -q .; ARM'),
  ],
}
