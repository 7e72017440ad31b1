import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHeadlessPm } from '../../tests/support/headless-pm-server.ts'
import { addPmTask } from './pm-task.ts'
import { run } from './program.ts'
import { type Row, sideBySide } from './row.ts'
import { Sandbox } from './sandbox.ts'

/** A whole major task with an agent that does nothing ÷ a bare shell script doing the same git, HTTP and process steps. */
export async function wholeTask(program: string): Promise<Row[]> {
  const pm = await startHeadlessPm({ key: 'bench', pollMs: 50 })
  const sandbox = new Sandbox({ HEADLESS_PM_API_URL: pm.url, HEADLESS_PM_API_KEY: 'bench' })
  try {
    const script = join(sandbox.folder, 'by-hand')
    writeFileSync(script, BY_HAND)
    chmodSync(script, 0o755)
    const there = { cwd: sandbox.repo, env: { ...sandbox.env, REPO: sandbox.repo, HOOKS: sandbox.hooks, AGENT: sandbox.agent } }
    const ms = await sideBySide(15, {
      runner: async () => {
        addPmTask(pm.board, 'major')
        await run([program, ...sandbox.runner('runner', '--single-task')], there)
      },
      shell: async () => {
        addPmTask(pm.board, 'major')
        await run([script], there)
      },
    })
    const unfinished = pm.board.tasks.filter(task => task.status !== 'dev_done').length
    if (unfinished > 0) throw new Error(`${unfinished} tasks were not done, so the times mean nothing`)
    return [
      {
        what: 'whole task ÷ a shell script with the same git, HTTP and processes',
        value: ms.runner / ms.shell,
        unit: '',
        aim: 1.3,
        limit: 2,
        detail: `${ms.runner.toFixed(0)} ms ÷ ${ms.shell.toFixed(0)} ms`,
      },
    ]
  } finally {
    sandbox.remove()
    await pm.close()
  }
}

/** What a careful person would write without a runner: the same calls in the same order, and no recovery at all. */
const BY_HAND = String.raw`#!/bin/sh
set -eu
api() { curl -fsS -H "X-API-Key: $HEADLESS_PM_API_KEY" -H 'Content-Type: application/json' "$@"; }
url=$HEADLESS_PM_API_URL/api/v1
api -X POST "$url/register" -d '{"agent_id":"shell","role":"backend_dev","level":"senior"}' >/dev/null
"$HOOKS/health_check" </dev/null
task=$(api "$url/tasks/next?role=backend_dev&level=senior&simulate=true")
id=\${task#*\"id\":}; id=\${id%%,*}
api -X POST "$url/tasks/$id/lock?agent_id=shell" >/dev/null
api "$url/tasks" | grep -q '"locked_by":"shell"'
api -X PUT "$url/tasks/$id/status?agent_id=shell" -d '{"status":"under_work"}' >/dev/null
"$HOOKS/pre_task" </dev/null
api "$url/mentions?agent_id=shell&unread_only=true" >/dev/null
cd "$REPO"
git rev-parse --show-toplevel >/dev/null
git worktree list --porcelain >/dev/null
git worktree add -q -b "feature/task-$id" ".worktrees/task-$id" main
base=$(git rev-parse main)
cd ".worktrees/task-$id"
run=$HEADLESS_PM_HOME/by-hand/$id
mkdir -p "$run"
echo "Do task $id" >"$run/prompt.md"
setsid timeout 600 "$AGENT" -p --output-format stream-json <"$run/prompt.md" >"$run/stdout.jsonl" 2>"$run/stderr.log"
grep -q '"is_error":false' "$run/stdout.jsonl"
git status --porcelain >/dev/null
git log --format='%H %s' "$base..HEAD" >/dev/null
git diff --stat "$base" >/dev/null
git diff "$base" >"$run/diff.patch"
api "$url/tasks" | grep -q '"locked_by":"shell"'
api -X PUT "$url/tasks/$id/status?agent_id=shell" -d '{"status":"dev_done","notes":"done by hand"}' >/dev/null
"$HOOKS/post_task" </dev/null
cd "$REPO"
git status --porcelain >/dev/null
git worktree remove ".worktrees/task-$id"
`.replaceAll('\\$', '$')
