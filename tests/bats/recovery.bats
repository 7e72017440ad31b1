bats_require_minimum_version 1.5.0
load setup
load runner

# old_lock_file ID WORKTREE BRANCH STATUS: as the older runner wrote it, with its seven keys and nothing else.
old_lock_file() {
  mkdir -p "$HEADLESS_PM_HOME/locks"
  cat >"$(lock_file)" <<JSON
{
  "task_id": "$1",
  "task_title": "Finish the report",
  "agent_id": "dev_001",
  "locked_at": "2025-03-01T10:20:30.123456",
  "worktree_path": "$2",
  "branch_name": "$3",
  "task_data": {
    "id": $1, "title": "Finish the report", "description": "All of it.", "target_role": "backend_dev",
    "skill_level": "senior", "complexity": "major", "branch": "$3", "status": "created"
  }
}
JSON
}

# kill_with_supervisor PID: what a machine that goes down does to the runner and its supervisor.
kill_with_supervisor() {
  kill -KILL "$1" "$(lock_field supervisor.pid)"
  wait_for has_ended "$1"
}

@test "a lock file of the older runner: its task goes on in its worktree with what was not committed, by the real CLI" {
  start_pm --poll-ms 50
  start_model '{ "Finish the report": [{ "text": "Half is there.", "bash": "cat half.txt && echo rest > rest.txt" }, "Finished."] }'
  pm_task 'Finish the report' '{"branch":"feature/report"}'
  pm POST /register '{"agent_id":"dev_001","role":"backend_dev","level":"senior"}'
  pm POST "/tasks/$TASK/lock?agent_id=dev_001"
  pm PUT "/tasks/$TASK/status?agent_id=dev_001" '{"status":"under_work"}'
  git worktree add -q -b feature/report "$BATS_TEST_TMPDIR/old worktree"
  echo first >"$BATS_TEST_TMPDIR/old worktree/committed.txt"
  git -C "$BATS_TEST_TMPDIR/old worktree" add -A
  git -C "$BATS_TEST_TMPDIR/old worktree" commit -qm 'first part'
  echo half >"$BATS_TEST_TMPDIR/old worktree/half.txt"
  echo changed >"$BATS_TEST_TMPDIR/old worktree/README.md"
  old_lock_file "$TASK" "$BATS_TEST_TMPDIR/old worktree" feature/report

  run -0 single
  says - 'recovery, continued' "old worktree on feature/report" 'tool Bash: cat half.txt'
  [ "$(git log --format=%s feature/report)" = $'Finish the report\nfirst part\nstart' ]
  [ "$(git show feature/report:half.txt)$(git show feature/report:rest.txt)" = halfrest ]
  [ "$(git show feature/report:README.md)" = changed ]
  [ "$(pm_task_field "$TASK" status)" = dev_done ]
  [ "$(pm_task_field "$TASK" locked_by)" = null ]
  [ ! -e "$(lock_file)" ]
}

@test "a lock file of the older runner whose task somebody else has now: nothing is done, nothing is lost" {
  start_pm --poll-ms 50
  shell_agent 'result'
  pm_task 'Finish the report' '{"branch":"feature/report"}'
  pm POST /register '{"agent_id":"other","role":"backend_dev","level":"senior"}'
  pm POST "/tasks/$TASK/lock?agent_id=other"
  git worktree add -q -b feature/report "$BATS_TEST_TMPDIR/old worktree"
  echo half >"$BATS_TEST_TMPDIR/old worktree/half.txt"
  old_lock_file "$TASK" "$BATS_TEST_TMPDIR/old worktree" feature/report
  run -14 single
  [ "$(agent_starts)" = 0 ]
  [ "$(cat "$BATS_TEST_TMPDIR/old worktree/half.txt")" = half ]
  [ "$(pm_task_field "$TASK" locked_by)" = other ]
  [ ! -e "$(lock_file)" ]
}

@test "a lock file that cannot be read is set aside and told, and its worktree is not touched" {
  shell_agent 'result'
  git worktree add -q -b feature/report "$BATS_TEST_TMPDIR/old worktree"
  echo half >"$BATS_TEST_TMPDIR/old worktree/half.txt"
  old_lock_file 5 "$BATS_TEST_TMPDIR/old worktree" feature/report
  truncate -s 200 "$(lock_file)"
  run -14 single
  says - 'set aside'
  [ ! -e "$(lock_file)" ]
  [ "$(cat "$HEADLESS_PM_HOME"/locks/agent-dev_001.lock?* | grep -c 'Finish the report')" -ge 1 ]
  [ "$(cat "$BATS_TEST_TMPDIR/old worktree/half.txt")" = half ]
}

@test "kill -9 of the runner: the agent does not notice, the next start adopts it and finishes" {
  start_pm --poll-ms 50
  shell_agent 'say one; hold; say two; echo made >made.txt; result'
  pm_task 'Long one'
  start_single ../first.log
  wait_for agent_started
  wait_for grep -q 'agent: one' ../first.log
  kill -KILL "$LAST"
  wait_for has_ended "$LAST"
  run -0 "$AGENT_RUNNER" status
  says - 'working without its runner'

  start_single ../second.log
  wait_for grep -q 'recovery, adopted' ../second.log
  go
  ended "$LAST"
  [ "$CODE" = 0 ]
  [ "$(agent_starts)" = 1 ]
  # What the first runner had told already is not told again.
  [ "$(count 'agent: one' ../second.log) $(count 'agent: two' ../second.log)" = '0 1' ]
  [ "$(pm_task_field "$TASK" status)" = dev_done ]
  [ "$(pm_task_field "$TASK" notes | grep -c 'agent-runner logs run_')" = 1 ]
  nothing_tagged
}

@test "the agent finishes while no runner is there: the next start goes on with its outcome" {
  shell_agent 'hold; echo made >made.txt; result'
  add_task 'Long one'
  start_single ../first.log
  wait_for agent_started
  kill -KILL "$LAST"
  wait_for has_ended "$LAST"
  go
  wait_for test -e "$HEADLESS_PM_HOME/runs/$(lock_field run_id)/attempts/1/exit.json"
  run -0 single
  says - 'recovery, harvested'
  [ "$(agent_starts)" = 1 ]
  [ "$(git show "feature/task-$TASK:made.txt")" = made ]
}

@test "kill -9 of runner and supervisor: the real CLI's session is resumed in the same worktree, nothing is left running" {
  start_model '{ "Count": [
    { "text": "I begin.", "bash": "echo begun >> progress.txt; while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done; echo ended >> progress.txt" },
    "Counted."
  ] }'
  add_task 'Count'
  start_single ../first.log
  wait_for grep -qs begun ".worktrees/task-$TASK/progress.txt"
  local session
  session=$(lock_field session_id)
  kill_with_supervisor "$LAST"
  run -0 "$AGENT_RUNNER" status --json
  [ "$(field agents.0.state <<<"$output")" = interrupted ]
  # What is left of the first attempt is ended before the second begins, so that it cannot see the file.
  start_single ../second.log
  wait_for grep -q 'attempt 2 started' ../second.log
  touch "$HOME/go"
  ended "$LAST"
  [ "$CODE" = 0 ]
  says ../second.log 'recovery, resumed' "attempt 2 started (resume, .*$session"
  git show "feature/task-$TASK:progress.txt" | grep -q begun
  [ "$(task_status "$TASK")" = dev_done ]
  nothing_tagged
}

@test "kill -9 of the agent alone: the runner starts it again in the same workspace" {
  shell_agent 'echo "$$" >>tries.txt; [ "$(agent_tries)" = 2 ] || sleep 300; result'
  sed -i '2i agent_tries() { wc -l <tries.txt | tr -d " "; }' "$HEADLESS_PM_CLAUDE_COMMAND"
  add_task 'Fragile'
  start_single ../log
  wait_for agent_started
  kill -KILL "$(head -1 "$AGENT_NOTES/starts")"
  ended "$LAST"
  [ "$CODE" = 0 ]
  says ../log 'killed from outside' 'attempt 2 started'
  [ "$(git show "feature/task-$TASK:tries.txt" | wc -l)" = 2 ]
  nothing_tagged
}
