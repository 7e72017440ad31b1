import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Attack, type Part, verdict } from './frame.ts'

/** An agent leaves a named pipe where git, or the runner, would read. */
function pipe(name: string, complexity: 'major' | 'minor', path: string, words: RegExp): Attack {
  return {
    name: `an agent leaves a named pipe at ${name}`,
    async run(stage) {
      stage.shellAgent(`echo made > made.txt; P=${path}; rm -rf "$P"; mkdir -p "$(dirname "$P")"; mkfifo "$P"; result`)
      const id = await stage.task('Write it', '--complexity', complexity)
      const { code, output, ms } = await stage.single([], { timeoutMs: 60_000 })
      const { notes } = await stage.taskNow(id)
      const said = `${output} ${notes}`.replace(/\s+/g, ' ')
      return verdict({ 'the run ended by itself': code !== null, 'it was told': words.test(said) }, `exit ${code} in ${Math.round(ms)} ms`)
    },
  }
}

/** An agent makes a repository, or a worktree, whose settings have git run a program of the agent's. */
function settings(name: string, lines: string): Attack {
  return {
    name,
    async run(stage) {
      const marker = join(stage.folder, 'RAN')
      const evil = stage.write('evil.sh', `#!/bin/sh\ntouch '${marker}'\ncat\n`, 0o755)
      stage.shellAgent(
        `EVIL='${evil}'; COMMON=$(cd "$(git rev-parse --git-common-dir)" && pwd)\n${lines}\nrm -f '${marker}'; echo made > made.txt; result`,
      )
      await stage.task('Write it', '--complexity', 'major')
      const { code } = await stage.single([], { timeoutMs: 60_000 })
      return verdict({ 'the task is done': code === 0, 'nothing ran': !existsSync(marker) }, `exit ${code}`)
    },
  }
}

/** Shell lines that make a file of a repository look changed. */
const STALE = 'printf "B\\n" > b.txt; touch -d "2001-01-01" b.txt'
const INNER = `git init -q inner; cd inner; printf 'b\\n' > b.txt; git add -A; git -c user.name=a -c user.email=a@b commit -qm a; echo '* filter=x' > .git/info/attributes`

const PIPE = /is a named pipe, not a file/

/** What an agent can do by git folders and settings that the runner's git, or the user's, would follow. */
export const foreignGit: Part = {
  name: 'foreign git',
  attacks: [
    settings('a repository inside a worktree names a filter', `${INNER}; git config filter.x.clean "$EVIL"; ${STALE}; cd ..`),
    settings(
      'a repository inside a worktree includes a filter',
      `${INNER}; git config --file ../../more filter.x.clean "$EVIL"; git config include.path ../../../more; ${STALE}; cd ..`,
    ),
    settings('a repository inside a worktree names a monitor', `${INNER}; git config core.fsmonitor "$EVIL"; ${STALE}; cd ..`),
    settings(
      'a link of the worktree leads to a repository that names a filter',
      `${INNER}; cd ..; git add inner; cd inner; git config filter.x.clean "$EVIL"; ${STALE}; cd ..`,
    ),
    settings(
      'a further worktree leads to settings of its own',
      `git worktree add -q ../../../made -b side; cp -r "$COMMON" ../../../common; git --git-dir ../../../common config filter.x.clean "$EVIL"; cd ../../../made; (cd ../common && pwd) > "$(git rev-parse --absolute-git-dir)/commondir"; echo '* filter=x' > .gitattributes; touch -d 2001-01-01 README.md; cd - >/dev/null`,
    ),
    pipe('HEAD of its worktree', 'major', '"$(git rev-parse --absolute-git-dir)/HEAD"', /is a named pipe|does not lead/),
    pipe('logs/HEAD of its worktree', 'major', '"$(git rev-parse --absolute-git-dir)/logs/HEAD"', PIPE),
    pipe('.git in its worktree', 'major', '.git', /does not lead|is a named pipe/),
    pipe('.gitignore in its worktree', 'major', '.gitignore', PIPE),
    pipe('HEAD of the repository', 'minor', '.git/HEAD', PIPE),
    pipe('the log of HEAD of the repository', 'minor', '.git/logs/HEAD', PIPE),
    pipe('the index of the repository', 'minor', '.git/index', PIPE),
    pipe('a ref of the repository', 'minor', '.git/refs/heads/x', PIPE),
    pipe('the settings of the repository', 'minor', '.git/config', /put back/),
    pipe('a hook of the repository', 'minor', '.git/hooks/pre-commit', /hooks\/pre-commit/),
  ],
}
