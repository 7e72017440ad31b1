bats_require_minimum_version 1.5.0
load setup
load runner

# What a hook noted, as JSON lines: one document per call.
noted() { sed -n "${2-1}p" "$BATS_TEST_TMPDIR/$1.json"; }

setup_hooks() {
  export NOTES="$BATS_TEST_TMPDIR" HEADLESS_PM_PASS_ENV=hook:NOTES
  mkdir -p hooks
  cat >hooks/pre_task.sh <<'HOOK'
tr -d '\n' >>"$NOTES/pre_task.json"; echo >>"$NOTES/pre_task.json"
echo "sh says yes"
HOOK
  cat >hooks/post_task.py <<'HOOK'
import json, os, sys
document = json.load(sys.stdin)
with open(os.environ["NOTES"] + "/post_task.json", "a") as notes:
    notes.write(json.dumps(document) + "\n")
print("python saw", document["result"]["status"])
HOOK
  cat >hooks/health_check.js <<'HOOK'
import { appendFileSync, readFileSync } from 'node:fs'
const document = JSON.parse(readFileSync(0, 'utf8'))
appendFileSync(`${process.env.NOTES}/health_check.json`, `${JSON.stringify(document)}\n`)
HOOK
  echo '{ "type": "module" }' >package.json
  git add -A && git commit -qm hooks
  "$AGENT_RUNNER" trust >/dev/null
}

@test "hooks in sh, Python and JavaScript are called with one JSON document, and what they print is in the log" {
  setup_hooks
  shell_agent 'echo made >made.txt; result'
  add_task 'Say "hä?" $HOME' --criteria 'it works'
  run -0 single
  says - 'hook pre_task passed.*sh says yes' 'hook post_task passed.*python saw dev_done'
  [ "$(noted pre_task | field event)" = pre_task ]
  [ "$(noted pre_task | field task.title)" = 'Say "hä?" $HOME' ]
  [ "$(noted pre_task | field agent.id)" = dev_001 ]
  [ "$(noted pre_task | field result)" = undefined ]
  [ "$(noted post_task | field result.success)" = true ]
  [ "$(noted post_task | field result.branch)" = "feature/task-$TASK" ]
  [ "$(noted post_task | field result.commits.0.subject)" = 'Say "hä?" $HOME' ]
  [ "$(noted post_task | field run_id)" = "$(basename "$HEADLESS_PM_HOME"/runs/run_*)" ]
  [ "$(noted health_check | field event)" = health_check ]
}

@test "a pre_task hook in Python that refuses: the agent never starts, the task goes back, exit 10" {
  start_pm --poll-ms 50
  shell_agent 'result'
  mkdir -p ../my-hooks
  printf 'import sys\nprint("not on a Friday")\nsys.exit(3)\n' >../my-hooks/pre_task.py
  pm_task 'Deploy it'
  run -10 single --hooks-dir ../my-hooks
  says - 'not on a Friday'
  [ "$(agent_starts)" = 0 ]
  [ "$(pm_task_field "$TASK" status)" = created ]
  [ "$(pm_task_field "$TASK" locked_by)" = null ]
  says <(pm_task_field "$TASK" notes) 'not on a Friday'
  # The policy can say otherwise.
  run -0 single --hooks-dir ../my-hooks --on-hook-failure skip
  [ "$(agent_starts)" = 1 ]
}

@test "a health check that fails: a single task is not taken, and a waiting runner takes none until it is good again" {
  shell_agent 'result'
  mkdir -p "$HEADLESS_PM_HOME/hooks"
  printf '#!/bin/sh\n[ -e "%s/well" ] || { echo "disk is hot" >&2; exit 1; }\n' "$BATS_TEST_TMPDIR" >"$HEADLESS_PM_HOME/hooks/health_check"
  chmod +x "$HEADLESS_PM_HOME/hooks/health_check"
  add_task 'Anything' --complexity minor
  run -69 single
  [ "$(task_status "$TASK")" = created ]
  start ../runner.log "$AGENT_RUNNER" --role backend_dev --agent-id dev_001 --health-check-interval 0.2 --task-check-interval 0.5
  wait_for grep -q 'disk is hot' ../runner.log
  [ "$(task_status "$TASK")" = created ]
  touch "$BATS_TEST_TMPDIR/well"
  is_done() { [ "$(task_status "$TASK")" = dev_done ]; }
  wait_for is_done
}

@test "hooks that hang, flood their output, ignore stdin or fork harm nothing" {
  shell_agent 'result'
  mkdir -p ../wild
  printf 'exec 0<&-; (setsid sleep 300 &); echo forked\n' >../wild/pre_task.sh
  printf 'yes "a very long story" | head -c 30000000; trap "" TERM; sleep 300\n' >../wild/post_task.sh
  add_task 'Anything' --complexity minor
  run -0 single --hooks-dir ../wild --hook-timeout 5 --kill-grace 0.3
  [ "$(task_status "$TASK")" = dev_done ]
  # The flood stayed out of the log.
  [ "${#output}" -lt 20000 ]
  nothing_tagged
}

@test "hooks list says what would be called, in JSON too; a hook that cannot be run is an error" {
  setup_hooks
  run -0 "$AGENT_RUNNER" hooks list --json
  [ "$(field 0.origin <<<"$output")" = repository ]
  [ "$(field 0.path <<<"$output")" = "$PWD/hooks/pre_task.sh" ]
  [ "$(field 1.runs <<<"$output")" = 'by python3' ]
  [ "$(field 2.name <<<"$output")" = health_check ]
  mkdir ../own
  echo 'echo hello' >../own/pre_task
  run -1 "$AGENT_RUNNER" hooks list --hooks-dir ../own
  says - 'own/pre_task' 'not executable'
  run -0 "$AGENT_RUNNER" hooks list --repo "$HOME"
  says - shipped
}

@test "hooks run calls one by hand with a task of one's own, and passes on its exit code" {
  setup_hooks
  echo '{ "title": "By hand" }' >../task.json
  run -0 "$AGENT_RUNNER" hooks run pre_task --task ../task.json
  says - 'sh says yes'
  [ "$(noted pre_task | field task.title)" = 'By hand' ]
  run -0 "$AGENT_RUNNER" hooks run post_task --json
  [ "$(field ok <<<"$output")" = true ]
  printf 'exit 7\n' >hooks/pre_task.sh
  run -78 "$AGENT_RUNNER" hooks run pre_task
  says - 'hooks/pre_task.sh has changed'
  run -7 "$AGENT_RUNNER" hooks run pre_task --trust
  run -2 "$AGENT_RUNNER" hooks run no_such_hook
  # The shipped ones work without anything.
  run -0 "$AGENT_RUNNER" hooks run health_check --repo "$HOME"
}
