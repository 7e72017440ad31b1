bats_require_minimum_version 1.5.0
load setup
load runner

MODEL='{
  "Add a greeting": [
    { "text": "I write it.", "bash": "echo hello > greeting.txt && git add -A && git commit -qm \"feat: a greeting\"" },
    { "text": "And one more.", "write": { "path": "more.txt", "text": "more\n" } },
    "The greeting is there."
  ]
}'

@test "a major task is done by the real CLI on a branch of its own, and the checkout stays as it was" {
  start_model "$MODEL"
  add_task 'Add a greeting' --criteria 'greeting.txt says hello'
  run -0 single
  [ "$(git log --format=%s "feature/task-$TASK")" = $'Add a greeting\nfeat: a greeting\nstart' ]
  [ "$(git show "feature/task-$TASK:more.txt")" = more ]
  [ "$(git log --format=%s main)" = start ]
  [ -z "$(git status --porcelain)" ]
  [ "$(git worktree list | wc -l)" = 1 ]
  [ "$(task_status "$TASK")" = dev_done ]
  [ ! -e "$(lock_file)" ]
  nothing_tagged
  # What was shown live: a text, a tool call with its main argument, the end.
  says - 'agent: I write it' 'tool Bash: echo hello' 'status dev_done'
}

@test "a minor task is done in place and committed; what the user had not committed stays as it is" {
  shell_agent 'echo changed >made.txt; result'
  add_task 'Make a file' --complexity minor
  echo mine >notes.txt
  run -0 single --dirty-in-place allow
  [ "$(git log --format=%s)" = $'Make a file\nstart' ]
  [ "$(git show --format= --name-only HEAD)" = made.txt ]
  [ "$(git status --porcelain)" = '?? notes.txt' ]
  [ "$(cat notes.txt)" = mine ]
  [ "$(task_status "$TASK")" = dev_done ]
}

@test "a minor task is refused in a dirty repository, and given back untouched" {
  shell_agent 'echo changed >made.txt; result'
  add_task 'Make a file' --complexity minor
  echo mine >notes.txt
  run -10 single
  says - notes.txt
  [ "$(agent_starts)" = 0 ]
  [ "$(git status --porcelain)" = '?? notes.txt' ]
  [ "$(task_status "$TASK")" = created ]
}

@test "Headless PM: a major task by the real CLI ends dev_done, unlocked, with one note" {
  start_pm --poll-ms 50
  start_model "$MODEL"
  pm_task 'Add a greeting' '{"branch":"feature/greeting"}'
  run -0 single
  [ "$(pm_task_field "$TASK" status)" = dev_done ]
  [ "$(pm_task_field "$TASK" locked_by)" = null ]
  local notes run_id
  notes=$(pm_task_field "$TASK" notes)
  run_id=$(basename "$HEADLESS_PM_HOME"/runs/run_*)
  [ "$(grep -c "agent-runner logs $run_id" <<<"$notes")" = 1 ]
  says <(echo "$notes") 'The greeting is there.' 'branch: feature/greeting, 2 commits'
  [ "$(git log --format=%s feature/greeting | head -1)" = 'Add a greeting' ]
  # The key of the PM is not the agent's business: it is in nothing that the runner wrote.
  run -1 grep -rs test-key "$HEADLESS_PM_HOME"/runs
}

@test "Headless PM: a minor task ends dev_done and unlocked, and QA is given it" {
  start_pm --poll-ms 50
  shell_agent 'echo changed >made.txt; result'
  pm_task 'Make a file' '{"complexity":"minor"}'
  run -0 single
  [ "$(pm_task_field "$TASK" status)" = dev_done ]
  [ "$(pm_task_field "$TASK" locked_by)" = null ]
  [ "$(pm GET '/tasks/next?role=qa&level=junior&simulate=true' | field id)" = "$TASK" ]
  [ "$(git log --format=%s)" = $'Make a file\nstart' ]
}

@test "the agent has neither the key of the PM nor the text of the task in its command line or environment" {
  start_pm --poll-ms 50
  shell_agent 'env >"$AGENT_NOTES/env"; result'
  pm_task '$(touch pwned); `touch pwned` --resume x' '{"complexity":"minor","description":"SECRET-TEXT"}'
  run -0 single
  run -1 grep -E 'test-key|SECRET-TEXT|pwned' "$AGENT_NOTES/env" "$AGENT_NOTES/arguments"
  says "$AGENT_NOTES/prompt" SECRET-TEXT 'touch pwned'
  [ -z "$(find "$BATS_TEST_TMPDIR" -name pwned)" ]
}

@test "paths with spaces and umlauts: repository, state folder, worktrees and hooks" {
  shell_agent 'echo grün >"schöne Datei.txt"; result'
  export HEADLESS_PM_HOME="$BATS_TEST_TMPDIR/Zustand für ‘alle’"
  make_repo "$BATS_TEST_TMPDIR/Müllers Projekt (neu)"
  cd "$BATS_TEST_TMPDIR/Müllers Projekt (neu)"
  mkdir 'meine Haken'
  printf '#!/bin/sh\ncat >/dev/null; echo "geprüft"\n' >'meine Haken/pre_task.sh'
  git add -A && git commit -qm hooks
  add_task 'Ein größeres Stück Arbeit'
  run -0 single --hooks-dir 'meine Haken' --worktree-base '../Bäume und Äste'
  [[ "$output" == *geprüft*"$BATS_TEST_TMPDIR/Bäume und Äste/task-$TASK"* ]]
  [ "$(git show "feature/task-$TASK:schöne Datei.txt")" = grün ]
  [ "$(git log -1 --format=%s "feature/task-$TASK")" = 'Ein größeres Stück Arbeit' ]
  [ -e "$HEADLESS_PM_HOME/agent-runner.db" ]
}

@test "the runner is gone as soon as it has said so" {
  shell_agent 'result'
  add_task 'Nothing' --complexity minor
  run -0 single --json
  local now
  now=$(date +%s%3N)
  [ "$(field exitCode <<<"${lines[-1]}")" = 0 ]
  [ $((now - $(date -d "$(field at <<<"${lines[-1]}")" +%s%3N))) -lt 1500 ]
}

@test "--log-format json gives one JSON document per line and nothing else" {
  shell_agent 'say "a word"; result'
  add_task 'Nothing' --complexity minor
  single --log-format json >../log 2>../err
  [ ! -s ../err ]
  run -0 "$NODE" -e '
    const events = require("node:fs").readFileSync("../log", "utf8").trimEnd().split("\n").map(line => JSON.parse(line))
    console.log(events.map(event => event.type).join(" "))'
  [[ "$output" == runner_started*task_taken*attempt_started*agent_text*attempt_ended*run_finished*runner_stopped ]]
}

@test "a run whose reader goes away goes on to its end" {
  shell_agent 'say one; say two; result'
  add_task 'Talk' --complexity minor
  single 2>../err | head -1 >../out
  [ "${PIPESTATUS[0]}" = 0 ]
  [ ! -s ../err ]
  [ "$(wc -l <../out)" = 1 ]
  [ "$(task_status "$TASK")" = dev_done ]
}

@test "a state folder inside the repository makes it not dirty, and is in no commit" {
  export HEADLESS_PM_HOME="$REPO/.agent state"
  shell_agent 'echo made >made.txt; git add -A; git commit -qm "all of it"; echo more >more.txt; result'
  add_task 'Make a file' --complexity minor
  run -0 single
  [ "$(git ls-files | grep -c 'agent state')" = 0 ]
  [ "$(git show --format= --name-only HEAD HEAD~1 | sort | xargs)" = 'made.txt more.txt' ]
  [ -z "$(git status --porcelain)" ]
}

@test "on a detached HEAD the commits are kept by a ref, and the end says how to put them on a branch" {
  shell_agent 'echo made >made.txt; result'
  git checkout -q --detach
  add_task 'Make a file' --complexity minor
  run -0 single
  says - '1 commit on no branch.*agent-runner rescue list'
  add_task 'Make it again' --complexity minor
  shell_agent 'echo again >made.txt; result'
  run -0 single --log-format pretty
  says - 'branch   none' 'agent-runner rescue restore run_.* --branch NAME'
  local restore
  restore=$(grep -o 'rescue restore run_[0-9a-z]* --branch' <<<"$output")
  git checkout -q main
  run -0 "$AGENT_RUNNER" $restore saved
  [ "$(git show saved:made.txt)" = again ]
}
