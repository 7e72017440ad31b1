import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startScriptedModel } from '../../tests/support/scripted-model.ts'
import { run } from './program.ts'
import { type Row, sideBySide } from './row.ts'
import { Sandbox } from './sandbox.ts'

const CLAUDE = fileURLToPath(new URL('../../node_modules/.bin/claude', import.meta.url))

/** What the model does in each task: it runs a command and writes a file, then it says that it is done. */
const SCRIPT = [{ bash: 'ls' }, { write: { path: 'note.md', text: 'One more line.\n' } }, 'Done: the note is there.']

const TURNS = 9
const WORDS = { title: 'Write a note', description: 'Write a note into note.md.' }
const TASK = { ...WORDS, role: 'backend_dev', seniority: 'senior', complexity: 'major' } as const

/** A whole major task with the real CLI and a scripted model ÷ a shell script that makes a worktree, runs the CLI, commits and removes the worktree. */
export async function wholeTask(program: string): Promise<Row[]> {
  const model = await startScriptedModel({ '*': SCRIPT })
  const sandbox = new Sandbox({
    HEADLESS_PM_CLAUDE_COMMAND: CLAUDE,
    ...{
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'scripted',
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    },
  })
  try {
    const script = join(sandbox.folder, 'by-hand')
    writeFileSync(script, BY_HAND)
    chmodSync(script, 0o755)
    const there = { cwd: sandbox.repo, env: { ...sandbox.env, CLAUDE } }
    const words = ['run', '--role', 'backend_dev', '--agent-id', 'bench', '--repo', sandbox.repo, '--tracker', 'embedded', '--single-task']
    const board = await sandbox.board()
    for (let n = 0; n <= TURNS; n++) await board.addTask(TASK)
    await board.close()
    let tasks = 0
    const ms = await sideBySide(TURNS, {
      runner: () => run([program, ...words], there),
      shell: () => run([script, String(++tasks)], there),
    })
    const commits = sandbox.git('log', '--all', '--format=%h', '--', 'note.md').trim().split('\n').length
    if (commits !== 2 * tasks) throw new Error(`${commits} commits after ${2 * tasks} tasks, so the times mean nothing`)
    return [
      {
        what: 'whole task with the real CLI ÷ a shell script around the CLI',
        value: ms.runner / ms.shell,
        unit: '',
        aim: 1.2,
        limit: 1.35,
        detail: `${ms.runner.toFixed(0)} ms ÷ ${ms.shell.toFixed(0)} ms`,
      },
    ]
  } finally {
    sandbox.remove()
    await model.close()
  }
}

const BY_HAND = `#!/bin/sh
set -eu
git worktree add --quiet --no-track -b "by-hand-$1" ".worktrees/by-hand-$1" main
cd ".worktrees/by-hand-$1"
echo 'Write a note into note.md.' | "$CLAUDE" -p --output-format stream-json --verbose --dangerously-skip-permissions >../out.jsonl
git add -A
git commit --quiet -m "Write note $1"
cd ../..
git worktree remove ".worktrees/by-hand-$1"
`
