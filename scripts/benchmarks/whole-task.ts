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
    const settled = (ms.runner - SETTLING_MS) / (ms.shell - SETTLING_MS)
    return [
      {
        what: 'whole task ÷ a shell script with the same git, HTTP and processes',
        value: ms.runner / ms.shell,
        unit: '',
        aim: 1.3,
        limit: 2,
        detail: `${ms.runner.toFixed(0)} ms ÷ ${ms.shell.toFixed(0)} ms; without the ${SETTLING_MS} ms in each that the PM's lock has to settle: ${settled.toFixed(2)}`,
      },
    ]
  } finally {
    sandbox.remove()
    await pm.close()
  }
}

/** How long the wait for a rival's write takes in each, in milliseconds. The runner's is at least this. */
const SETTLING_MS = 20

/**
 * The same steps in the same order as the runner takes them, one after the other, as a careful hand would write them: every question is
 * asked once, and again only where the agent may have changed the answer. What makes the runner safe against a kill or a power cut (journal,
 * timeline, fsync, one runner per agent id, a supervisor that lives on) is no step of the task, and is not in here: the ratio is its price.
 */
const BY_HAND = String.raw`#!/bin/sh
set -eu
url=$HEADLESS_PM_API_URL/api/v1
api() { curl -fsS -H "X-API-Key: $HEADLESS_PM_API_KEY" -H 'Content-Type: application/json' "$@"; }
mine() { api "$url/tasks?status=$1&role=backend_dev" | grep -q '"locked_by":"shell"'; }
hook() { AGENT_RUNNER_RUN_ID=$run "$HOOKS/$1" <"$files/hook.json" >"$files/$1.log" 2>&1; }
state() { git status --porcelain=v2 --branch -z --untracked-files=all --no-renames --ignore-submodules=dirty --ignored=matching >/dev/null; }
hidden() { git ls-files -v -s -z >/dev/null; }
kept() { ls .git/refs/agent-runner/$run >/dev/null 2>&1 || grep -qs "refs/agent-runner/$run/" .git/packed-refs || :; }
# Ends what carries the tag of the run: shell commands of an agent live on in sessions of their own, where no group reaches them.
nothing_left() {
  for left in $(grep -ls "AGENT_RUNNER_RUN_ID=$run" /proc/[0-9]*/environ); do left=\${left#/proc/}; kill -9 "\${left%/environ}" 2>/dev/null || :; done
}

# Who we are, whether the machine is fit, and whether there is work.
api -X POST "$url/register" -d '{"agent_id":"shell","role":"backend_dev","level":"senior"}' >/dev/null
"$HOOKS/health_check" </dev/null
task=$(api "$url/tasks/next?role=backend_dev&level=senior&simulate=true")
id=\${task#*\"id\":}; id=\${id%%,*}
run=by-hand-$id
files=$HEADLESS_PM_HOME/$run
mkdir -p "$files"

# The PM's lock looks and then writes, so of two that lock at once both are told yes and the later write stays: only what is read back
# after a moment is a proof. Without it two agents work on one task.
api -X POST "$url/tasks/$id/lock?agent_id=shell" >/dev/null
sleep 0.0${SETTLING_MS}
mine created
api -X PUT "$url/tasks/$id/status?agent_id=shell" -d '{"status":"under_work"}' >/dev/null
echo "{\"event\":\"task\",\"task\":$task}" >"$files/hook.json"
hook pre_task

# A worktree on a branch of its own: is this a repository, is the place free, is the name one, is the branch there, what is it to start from.
cd "$REPO"
branch=feature/task-$id
git rev-parse --is-inside-work-tree --is-bare-repository --absolute-git-dir --git-common-dir --show-cdup >/dev/null
git for-each-ref "refs/heads/$branch" "refs/remotes/origin/$branch" refs/remotes/origin/HEAD >/dev/null
grep -qxF /.worktrees/ .git/info/exclude || echo /.worktrees/ >>.git/info/exclude
git config -z --get-regexp '^(remote|branch)\.' >/dev/null || true
# How the repository looks before the agent, in what no commit shows: uncommitted, ignored, hidden by flags of the index.
state
hidden
git worktree add --quiet --no-track -b "$branch" ".worktrees/task-$id" main
cd ".worktrees/task-$id"

# The agent, with a deadline, in a session of its own.
api "$url/mentions?agent_id=shell&unread_only=true" >/dev/null
echo "Do task $id" >"$files/prompt.md"
AGENT_RUNNER_RUN_ID=$run setsid timeout 600 "$AGENT" -p --output-format stream-json <"$files/prompt.md" >"$files/stdout.jsonl" 2>"$files/stderr.log"
grep -q '"is_error":false' "$files/stdout.jsonl"

# What it did, once nothing of it can write any more; and the word to the PM, if the task is still ours.
nothing_left
state
hidden
(cd "$REPO" && state && kept)
mine under_work
api -X PUT "$url/tasks/$id/status?agent_id=shell" -d '{"status":"dev_done","notes":"done by hand"}' >/dev/null
hook post_task

# Away with the worktree, when nothing in it can be lost: uncommitted files, repositories inside, processes.
nothing_left
state
cd "$REPO"
git worktree remove ".worktrees/task-$id"
kept
`.replaceAll('\\$', '$')
