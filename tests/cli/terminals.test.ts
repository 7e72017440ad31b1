import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openBoard } from '../../src/board/board.ts'
import { endTagged, RUN_TAG } from '../../src/machine/process/processes.ts'
import { RESULT_LINE, speakingAgent } from '../support/agent-program.ts'
import { gitRepo } from '../support/git-repo.ts'
import { hasTerminals, onTerminal } from '../support/on-terminal.ts'
import { HANGS_MS } from '../support/patience.ts'
import { SELF } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

/** Says very much, more than any terminal holds back, and does its work. */
const CHATTY = `cat > /dev/null; while [ -e "$HOME/hold" ]; do sleep 0.05; done
text=$(head -c 3000 /dev/zero | tr '\\0' w | sed 's/wwww/ www/g')
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40; do
  echo '{"type":"assistant","message":{"id":"m'$n'","content":[{"type":"text","text":"'"$n $text"'"}]}}'
done
echo done > work.txt; echo '${RESULT_LINE}'`

/** A task on a board, a repository, and what starts a runner for it. */
async function machine() {
  const root = tempFolder()
  const repo = gitRepo({ 'README.md': '# demo\n' }, join(root, 'repo'))
  const home = join(root, 'state')
  const env: NodeJS.ProcessEnv = {
    ...{ PATH: process.env.PATH, HOME: root, TERM: 'xterm', GIT_CONFIG_GLOBAL: '/dev/null', HEADLESS_PM_HOME: home },
    HEADLESS_PM_CLAUDE_COMMAND: speakingAgent(root, CHATTY),
  }
  const board = await openBoard(join(home, 'agent-runner.db'), { project: repo })
  const { id } = await board.addTask({ title: 'Make it so', role: 'backend_dev' })
  onTestFinished(async () => {
    const { runId } = await board.showTask(id)
    if (runId) await endTagged(RUN_TAG, runId, 0)
    await board.close()
  })
  const words = [...SELF, '--role', 'backend_dev', '--agent-id', 'dev_001', '--single-task']
  return { root, repo, env, words, status: async () => (await board.showTask(id)).status }
}

describe.runIf(hasTerminals())('a run on a terminal', () => {
  test.each([0, 1, 5, 200, 10_000])('of %i columns does its task', async columns => {
    const { repo, env, words, status } = await machine()
    const { exit, screen } = onTerminal(words, { columns, env, cwd: repo })
    expect(await exit, screen().slice(-500)).toBe(0)
    expect(await status()).toBe('dev_done')
    // Drawn over and over, it would be megabytes.
    expect(screen().length).toBeLessThan(1_000_000)
  })

  test.each([
    ['without TERM', undefined],
    ['with a TERM that nobody knows', 'no-such-terminal'],
    ['that is dumb', 'dumb'],
  ])('%s does its task', async (_, TERM) => {
    const { repo, env, words, status } = await machine()
    const { exit, screen } = onTerminal(words, { columns: 0, env: { ...env, TERM }, cwd: repo })
    expect(await exit, screen().slice(-500)).toBe(0)
    expect(await status()).toBe('dev_done')
  })

  test('that is resized all the time does its task', async () => {
    const { repo, env, words, status } = await machine()
    const beside = 'while :; do for columns in 0 1 200 7; do stty cols $columns rows $columns || exit; sleep 0.02; done; done'
    const { exit, screen } = onTerminal(words, { columns: 80, env, cwd: repo, beside })
    expect(await exit, screen().slice(-500)).toBe(0)
    expect(await status()).toBe('dev_done')
  })

  test.each([{ format: 'pretty' }, { format: 'plain' }, { format: 'json' }])(
    'that takes nothing any more does its task all the same ($format)',
    async ({ format }) => {
      const { root, repo, env, words, status } = await machine()
      writeFileSync(join(root, 'hold'), '')
      const { screen, stall } = onTerminal([...words, '--log-format', format], { columns: 80, env, cwd: repo })
      await waitFor('the agent at work', () => /attempt|Attempt/.test(screen()))
      stall()
      rmSync(join(root, 'hold'))
      await waitFor('done', async () => (await status()) === 'dev_done')
      await waitFor('the runner has ended', () => !runnerAlive(env.HEADLESS_PM_HOME!))
    },
  )
})

test.each([
  ['a closed stdout', '>&-'],
  ['a closed stderr', '2>&-'],
  ['nothing open', '<&- >&- 2>&-'],
  ['a full disk under both', '>/dev/full 2>/dev/full'],
  ['a reader that leaves after a line', '2>&1 | head -1'],
])('a run with %s does its task', async (_, redirected) => {
  const { repo, env, words, status } = await machine()
  const { status: code } = spawnSync('/bin/sh', ['-c', `"$@" ${redirected}`, 'sh', ...words], { cwd: repo, env, timeout: HANGS_MS })
  expect(code).toBe(0)
  await waitFor('done', async () => (await status()) === 'dev_done')
})

test.runIf(hasTerminals()).each([0, 1])('every command that prints ends by itself on a terminal of %i columns', async columns => {
  const { repo, env } = await machine()
  for (const command of [
    ['--help'],
    ['run', '--help'],
    ['status'],
    ['task', 'list'],
    ['why'],
    ['logs'],
    ['rescue', 'list'],
    ['unlock', 'dev_001'],
    ['hooks', 'list'],
    ['keys', 'list'],
    ['db', 'check'],
    ['config', 'list'],
    ['doctor', '--role', 'backend_dev', '--agent-id', 'dev_001'],
    ['--role', 'backend_dev', '--agent-id', 'dev_001', '--dry-run'],
    ['completion', 'bash'],
  ]) {
    const { exit, screen } = onTerminal([...SELF, ...command], { columns, env, cwd: repo })
    // Answers and refusals alike: what hangs fails the test.
    expect(await exit, `${command.join(' ')}: ${screen().slice(-500)}`).not.toBeNull()
    expect(screen(), command.join(' ')).not.toMatch(/^\s+at /m)
  }
})

/** Whether a runner or supervisor of this state folder is alive: all that has it in its environment but the terminal and its shell. */
function runnerAlive(home: string): boolean {
  return readdirSync('/proc').some(pid => {
    try {
      const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`HEADLESS_PM_HOME=${home}`)
      return isOurs && !['script', 'sh'].includes(readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
    } catch {
      return false
    }
  })
}
