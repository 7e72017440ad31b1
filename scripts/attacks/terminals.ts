import { shellWord } from '../../src/core/text/shell-word.ts'
import { type Attack, type Part, verdict } from './frame.ts'
import type { Stage } from './stage.ts'

const AGENT = 'for n in 1 2 3 4 5 6 7 8; do say "step $n"; sleep 0.2; done; echo done >made.txt; result'
/** So long such a run takes at most on a slow machine; then it hangs. */
const HANGS_MS = 60_000

/** One task under a shell's words around the program, which stands in `"$@"`. */
async function under(stage: Stage, name: string, words: string, env: NodeJS.ProcessEnv = {}) {
  stage.shellAgent(AGENT)
  const id = await stage.task(name)
  const run = [stage.binary, '--role', 'backend_dev', '--agent-id', 'dev_001', '--single-task']
  const { code, ms, output } = await stage.program(['/bin/sh', '-c', words, 'sh', ...run], { env, timeoutMs: HANGS_MS })
  const { status } = await stage.taskNow(id)
  return verdict(
    {
      'it ended by itself': code !== null,
      'the task was done': status === 'dev_done',
      'no stack trace': !/^\s+at /m.test(output),
      'it did not draw without end': output.length < 1_000_000,
    },
    `exit ${code}, ${status}, ${Math.round(ms / 100) / 10} s, ${output.length} characters`,
  )
}

/** On a terminal of its own. */
const onTerminal = (stage: Stage, name: string, stty: string, env: NodeJS.ProcessEnv = {}) => {
  const words = [stage.binary, '--role', 'backend_dev', '--agent-id', 'dev_001', '--single-task'].map(shellWord).join(' ')
  return under(stage, name, `exec script -qfec ${shellWord(`${stty}; exec ${words}`)} /dev/null </dev/null`, {
    NO_COLOR: undefined,
    TERM: 'xterm',
    ...env,
  })
}

const sizes: Attack[] = ['0', '1', '5', '10000'].map(columns => ({
  name: `a terminal of ${columns} columns and no rows`,
  run: stage => onTerminal(stage, columns, `stty cols ${columns} rows 0`),
}))

const terms: Attack[] = [undefined, 'no-such-terminal', 'dumb'].map(TERM => ({
  name: `TERM is ${TERM ?? 'not set'}`,
  run: stage => onTerminal(stage, String(TERM), 'stty cols 0', { TERM }),
}))

const descriptors: Attack[] = [
  ['stdout is closed', '"$@" >&-'],
  ['stderr is closed', '"$@" 2>&-'],
  ['nothing is open', '"$@" <&- >&- 2>&-'],
  ['stdout and stderr are a full disk', '"$@" >/dev/full 2>/dev/full'],
  ['the reader leaves after a line', '"$@" 2>&1 | head -1'],
  ['the reader never reads', '"$@" | { sleep 15; cat >/dev/null; }'],
].map(([name = '', words = '']) => ({ name, run: stage => under(stage, name, words) }))

/** What a terminal, or the lack of one, can do to a run. */
export const terminals: Part = {
  name: 'terminals',
  attacks: [
    ...sizes,
    ...terms,
    {
      name: 'the terminal is resized all the time',
      run: stage => onTerminal(stage, 'resized', '{ (while stty cols 0 rows 0 && sleep 0.02 && stty cols 7 && sleep 0.02; do :; done) & }'),
    },
    {
      name: 'the terminal takes nothing any more',
      run: stage =>
        under(
          stage,
          'stalled',
          // Its reader stands still, so the terminal fills up; what it did is seen on the board.
          `script -qfec "$(printf "'%s' " "$@")" /dev/null </dev/null >/dev/null & pid=$!; sleep 1; kill -STOP $pid; sleep 8; kill -KILL $pid`,
          { NO_COLOR: undefined, TERM: 'xterm' },
        ),
    },
    ...descriptors,
  ],
}
