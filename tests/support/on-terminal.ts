import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { shellWord } from '../../src/core/text/shell-word.ts'
import { tempFolder } from './temp.ts'
import { waitFor } from './wait-for.ts'

/** Whether this machine can give a program a terminal: `script` of util-linux. */
export const hasTerminals = () => /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '')

/**
 * Starts a program on a terminal of its own, of so many columns. `beside` is a shell command that runs on the same terminal. With `keys` somebody
 * sits there and types; else the keyboard is gone.
 */
export function onTerminal(
  words: string[],
  options: { columns: number; env: NodeJS.ProcessEnv; cwd: string; beside?: string; keys?: boolean },
) {
  const { columns, env, cwd, beside, keys = false } = options
  const log = join(tempFolder(), 'screen')
  const file = openSync(log, 'a')
  const command = `stty cols ${columns} rows 0; ${beside ? `(${beside}) & ` : ''}exec ${words.map(shellWord).join(' ')}`
  // In a group of its own: who ends it ends what runs on the terminal.
  const script = spawn('script', ['-qfec', command, '/dev/null'], {
    env,
    cwd,
    stdio: [keys ? 'pipe' : 'ignore', file, file],
    detached: true,
  })
  closeSync(file)
  const running = () => script.exitCode === null && script.signalCode === null
  const exit = new Promise<number | null>((resolve, reject) => {
    script.once('error', reject)
    script.once('exit', resolve)
  })
  onTestFinished(async () => {
    script.kill('SIGKILL')
    await waitFor('the terminal is gone', () => !running())
  })
  return {
    exit,
    /** Types at the keyboard. */
    type: (text: string) => void script.stdin?.write(text),
    /** What came to the screen. */
    screen: () => readFileSync(log, 'utf8'),
    /** The terminal takes nothing any more, as after Ctrl-S. */
    stall: () => void script.kill('SIGSTOP'),
  }
}
