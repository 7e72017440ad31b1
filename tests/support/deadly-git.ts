import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { agentProgram } from './agent-program.ts'
import type { CrashStage } from './crash-stage.ts'

/**
 * Puts a git before the real one that kills its caller, once, at a command whose words contain `words`: before it, in the middle of it
 * (which kills that git too), or after it.
 */
export function deadlyGit(stage: CrashStage, words: string, when: 'before' | 'during' | 'after'): () => boolean {
  const mark = join(stage.user, 'git-has-killed')
  agentProgram(
    stage.bin,
    `PATH="\${PATH#*:}"; export PATH
case " $* " in
  *" ${words} "*) if mkdir "${mark}" 2> /dev/null; then
      case ${when} in
        before) kill -9 $PPID; exit 1 ;;
        during) git "$@" & sleep 0.004; kill -9 $PPID $!; exit 1 ;;
        after) git "$@"; kill -9 $PPID; exit 0 ;;
      esac
    fi ;;
esac
exec git "$@"`,
    'git',
  )
  return () => existsSync(mark)
}
