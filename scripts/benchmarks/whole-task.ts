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

/**
 * The same steps in the same order as the runner takes them, one after the other, as a careful hand would write them: every question is
 * asked once, and again only where the agent may have changed the answer. There is no journal, no recovery and no wait for a rival's lock.
 */
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
cd "$REPO"
state() { git status --porcelain=v2 --branch -z --untracked-files=all --no-renames --ignore-submodules=dirty >/dev/null; }
kept() { git for-each-ref refs/agent-runner/by-hand/ >/dev/null; }
branch=feature/task-$id
git rev-parse --is-inside-work-tree --is-bare-repository --absolute-git-dir --git-common-dir --show-cdup >/dev/null
git worktree list --porcelain >/dev/null
git check-ref-format --branch "$branch" >/dev/null
git for-each-ref "refs/heads/$branch" "refs/remotes/origin/$branch" refs/remotes/origin/HEAD >/dev/null
git rev-parse -q --verify "refs/heads/$branch^{commit}" >/dev/null || true
git worktree add --quiet --no-track -b "$branch" ".worktrees/task-$id" main
cd ".worktrees/task-$id"
run=$HEADLESS_PM_HOME/by-hand/$id
mkdir -p "$run"
api "$url/mentions?agent_id=shell&unread_only=true" >/dev/null
echo "Do task $id" >"$run/prompt.md"
setsid timeout 600 "$AGENT" -p --output-format stream-json <"$run/prompt.md" >"$run/stdout.jsonl" 2>"$run/stderr.log"
grep -q '"is_error":false' "$run/stdout.jsonl"
state
kept
api "$url/tasks" | grep -q '"locked_by":"shell"'
api -X PUT "$url/tasks/$id/status?agent_id=shell" -d '{"status":"dev_done","notes":"done by hand"}' >/dev/null
"$HOOKS/post_task" </dev/null
state
git ls-files -s -z >/dev/null
cd "$REPO"
git worktree remove ".worktrees/task-$id"
kept
`.replaceAll('\\$', '$')
